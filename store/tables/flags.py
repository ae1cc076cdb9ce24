"""Tables of what is served: flags, their revisions, runs, rollbacks."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Double,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Uuid,
    text,
)

from crossfade.states import RollbackState, RollbackTrigger, RunState
from store.tables.base import counter, document, identifier, label, metadata, moment, one_of, share_of_keys

LIVE_RUN = text("state in (" + ", ".join(f"'{state}'" for state in RunState if state.is_live) + ")")

feature_flags = Table(
    "feature_flags",
    metadata,
    label("environment", primary_key=True),
    label("name", primary_key=True),
    Column("enabled", Boolean, nullable=False),
    share_of_keys("percentage"),
    share_of_keys("ceiling"),
    Column(
        "served",
        Numeric(6, 3),
        Computed("case when enabled then least(percentage, ceiling) else 0 end", persisted=True),
    ),
    document("conditions"),
    document("overrides"),
    Column("fallback_enabled", Boolean, nullable=False),
    label("salt"),
    label("targeting_key"),
    Column("shadow_share", Double, nullable=False),
    Column("is_live", Boolean, nullable=False),
    counter("revision"),
    counter("epoch"),
    moment("updated_at", default=True),
    CheckConstraint("percentage between 0 and 100", name="percentage_in_range"),
    CheckConstraint("ceiling between 0 and 100", name="ceiling_in_range"),
    CheckConstraint("shadow_share between 0 and 1", name="shadow_share_in_range"),
    Index("uq_feature_flags_revision", "environment", "revision", unique=True),
)

flag_revisions = Table(
    "flag_revisions",
    metadata,
    label("environment", primary_key=True),
    Column("revision", feature_flags.c.revision.type, primary_key=True, autoincrement=False),
    label("name"),
    Column("run_id", Uuid),
    Column("step", Integer),
    counter("epoch"),
    document("definition"),
    moment("published_at", nullable=False),
    Index("ix_flag_revisions_name", "environment", "name", "revision"),
    Index("ix_flag_revisions_run_id", "run_id", "step", postgresql_where=text("run_id is not null")),
)

runs = Table(
    "runs",
    metadata,
    identifier(),
    label("environment"),
    label("component"),
    Column("migration_id", Uuid, ForeignKey("migrations.id")),
    label("phase"),
    Column("attempt", Integer, nullable=False),
    counter("epoch"),
    label("state"),
    Column("step", Integer, nullable=False),
    share_of_keys("percentage"),
    counter("revision", nullable=True),
    moment("published_at"),
    document("former_configuration", nullable=True),
    document("plan"),
    label("actor"),
    label("effect", nullable=True),
    moment("started_at", nullable=False),
    moment("finished_at"),
    one_of("state", RunState),
    CheckConstraint("percentage between 0 and 100", name="percentage_in_range"),
    CheckConstraint("step >= 0", name="step_positive"),
    CheckConstraint(
        "state not in ('rolling_back', 'rolled_back', 'stopping', 'stopped') or percentage = 0", name="legacy"
    ),
    Index("uq_runs_live", "environment", "component", unique=True, postgresql_where=LIVE_RUN),
    Index("uq_runs_attempt", "environment", "component", "attempt", unique=True),
    Index("uq_runs_effect", "environment", "effect", unique=True, postgresql_where=text("effect is not null")),
    Index("ix_runs_migration_id", "migration_id", "component"),
)

# Apart from `runs`: the monitor writes here every second without touching the row that rollback and stop lock.
run_readings = Table(
    "run_readings",
    metadata,
    Column("run_id", Uuid, ForeignKey("runs.id"), primary_key=True),
    document("reading", nullable=True),
    moment("judged_at"),
)

rollback_events = Table(
    "rollback_events",
    metadata,
    identifier(),
    label("environment"),
    label("component"),
    Column("run_id", Uuid, ForeignKey("runs.id")),
    Column("attempt", Integer, nullable=False),
    counter("epoch"),
    label("trigger"),
    label("state"),
    label("actor"),
    label("reason"),
    document("evidence"),
    share_of_keys("from_percentage"),
    share_of_keys("to_percentage"),
    label("restore", nullable=True),
    document("former_configuration", nullable=True),
    moment("started_at", nullable=False),
    moment("finished_at"),
    label("error", nullable=True),
    one_of("trigger", RollbackTrigger),
    one_of("state", RollbackState),
    CheckConstraint("restore in ('previous')", name="restore_known"),
    Index("uq_rollback_events_run_id", "run_id", unique=True, postgresql_where=text("run_id is not null")),
    Index("uq_rollback_events_attempt", "environment", "component", "attempt", unique=True),
    Index(
        "uq_rollback_events_without_run",
        "environment",
        "component",
        unique=True,
        postgresql_where=text("run_id is null and state = 'running'"),
    ),
    Index("ix_rollback_events_started_at", "environment", "started_at"),
)

rollback_steps = Table(
    "rollback_steps",
    metadata,
    Column("rollback_id", Uuid, ForeignKey("rollback_events.id"), nullable=False),
    Column("position", Integer, nullable=False),
    label("name"),
    label("state"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    label("detail", nullable=True),
    moment("started_at"),
    moment("finished_at"),
    PrimaryKeyConstraint("rollback_id", "position"),
    one_of("state", ("pending", "running", "completed", "failed")),
    Index("uq_rollback_steps_name", "rollback_id", "name", unique=True),
)
