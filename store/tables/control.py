"""Tables of the environment as a whole: counters, audit, outbox, and who is connected."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Integer, LargeBinary, Table, Uuid, text

from store.tables.base import counter, document, identifier, label, metadata, moment, one_of

control = Table(
    "control",
    metadata,
    label("environment", primary_key=True),
    counter("epoch", default=0),
    counter("revision", default=0),
    moment("stopped_at"),
    label("stop_reason", nullable=True),
    label("stop_actor", nullable=True),
    counter("audit_length", default=0),
    Column("audit_hash", LargeBinary, nullable=False, server_default=text("''::bytea")),
    CheckConstraint("epoch >= 0 and revision >= 0 and audit_length >= 0", name="counters_positive"),
)

audit_log = Table(
    "audit_log",
    metadata,
    label("environment", primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    label("kind"),
    label("key"),
    counter("version"),
    label("action"),
    label("actor"),
    label("reason"),
    document("before", nullable=True),
    document("after", nullable=True),
    Column("run_id", Uuid),
    counter("epoch", nullable=True),
    Column("step", Integer),
    label("effect", nullable=True),
    moment("occurred_at", nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("uq_audit_log_aggregate", "environment", "kind", "key", "version", unique=True),
    Index("uq_audit_log_effect", "environment", "effect", unique=True, postgresql_where=text("effect is not null")),
    Index("ix_audit_log_run_id", "run_id", postgresql_where=text("run_id is not null")),
)

first_answers = Table(
    "first_answers",
    metadata,
    label("environment", primary_key=True),
    label("key", primary_key=True),
    label("digest"),
    document("answer"),
    moment("answered_at", default=True),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    label("environment"),
    label("workflow_id"),
    label("kind"),
    label("name"),
    document("payload"),
    label("request_id"),
    moment("created_at", default=True),
    moment("available_at", default=True),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    moment("delivered_at"),
    label("last_error", nullable=True),
    one_of("kind", ("start", "signal")),
    Index("uq_outbox_request_id", "request_id", unique=True),
    Index("ix_outbox_waiting", "workflow_id", "id", postgresql_where=text("delivered_at is null")),
)

replicas = Table(
    "replicas",
    metadata,
    label("replica", primary_key=True),
    label("environment", primary_key=True),
    Column("process", Uuid, nullable=False),
    counter("revision"),
    counter("epoch"),
    moment("seen_at", nullable=False),
)

sdk_clients = Table(
    "sdk_clients",
    metadata,
    label("environment", primary_key=True),
    label("client_id", primary_key=True),
    counter("revision"),
    counter("epoch"),
    label("replica"),
    moment("first_seen_at", nullable=False),
    moment("seen_at", nullable=False),
)

# Only while a stop of the environment is in force: what its release may put back.
stopped_components = Table(
    "stopped_components",
    metadata,
    label("environment", primary_key=True),
    label("component", primary_key=True),
    Column("migration_id", Uuid, nullable=False),
    document("definition"),
    moment("stopped_at", nullable=False),
)

monitors = Table(
    "monitors",
    metadata,
    label("environment", primary_key=True),
    moment("ticked_at", nullable=False),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    identifier(),
    label("selector"),
    Column("digest", LargeBinary, nullable=False),
    label("role"),
    label("environment", nullable=True),
    moment("created_at", default=True),
    moment("expires_at"),
    moment("revoked_at"),
    one_of("role", ("viewer", "operator", "admin", "sdk")),
    CheckConstraint("role <> 'sdk' or environment is not null", name="sdk_has_environment"),
    Index("uq_api_tokens_selector", "selector", unique=True),
)
