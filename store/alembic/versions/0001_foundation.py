"""The tables, and the guards that hold whatever the code above them does."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_tables()
    for statement in GUARDS:
        op.execute(statement)
    create_default_partitions()


def create_default_partitions() -> None:
    """Rows of a day whose partition is missing land here instead of being refused."""
    for table in ("migration_metrics", "user_behavior_tracking"):
        op.execute(f"create table {table}_default partition of {table} default")


def create_tables() -> None:
    op.create_table(
        "ab_testing_cohorts",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("exposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("variant in ('legacy', 'candidate')", name=op.f("ck_ab_testing_cohorts_variant_known")),
        sa.PrimaryKeyConstraint("environment", "experiment", "subject", name=op.f("pk_ab_testing_cohorts")),
    )
    op.create_table(
        "alert_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("fired_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "severity in ('low', 'medium', 'high', 'critical')", name=op.f("ck_alert_events_severity_known")
        ),
        sa.CheckConstraint("state in ('firing', 'acknowledged', 'resolved')", name=op.f("ck_alert_events_state_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_events")),
    )
    op.create_index("ix_alert_events_fired_at", "alert_events", ["environment", "fired_at"], unique=False)
    op.create_index(
        "uq_alert_events_open",
        "alert_events",
        ["environment", "rule", "component", "run_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("state <> 'resolved'"),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("selector", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role <> 'sdk' or environment is not null", name=op.f("ck_api_tokens_sdk_has_environment")),
        sa.CheckConstraint("role in ('viewer', 'operator', 'admin', 'sdk')", name=op.f("ck_api_tokens_role_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
    )
    op.create_index("uq_api_tokens_selector", "api_tokens", ["selector"], unique=True)
    op.create_table(
        "audit_log",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=True),
        sa.Column("after", postgresql.JSONB(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.Column("effect", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "sequence", name=op.f("pk_audit_log")),
    )
    op.create_index(
        "ix_audit_log_run_id", "audit_log", ["run_id"], unique=False, postgresql_where=sa.text("run_id is not null")
    )
    op.create_index("uq_audit_log_aggregate", "audit_log", ["environment", "kind", "key", "version"], unique=True)
    op.create_index(
        "uq_audit_log_effect",
        "audit_log",
        ["environment", "effect"],
        unique=True,
        postgresql_where=sa.text("effect is not null"),
    )
    op.create_table(
        "control",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stop_reason", sa.Text(), nullable=True),
        sa.Column("stop_actor", sa.Text(), nullable=True),
        sa.Column("audit_length", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("audit_hash", sa.LargeBinary(), server_default=sa.text("''::bytea"), nullable=False),
        sa.CheckConstraint(
            "epoch >= 0 and revision >= 0 and audit_length >= 0", name=op.f("ck_control_counters_positive")
        ),
        sa.PrimaryKeyConstraint("environment", name=op.f("pk_control")),
    )
    op.create_table(
        "feature_flags",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("percentage", sa.Numeric(precision=6, scale=3), nullable=False),
        sa.Column("ceiling", sa.Numeric(precision=6, scale=3), nullable=False),
        sa.Column(
            "served",
            sa.Numeric(precision=6, scale=3),
            sa.Computed("case when enabled then least(percentage, ceiling) else 0 end", persisted=True),
            nullable=True,
        ),
        sa.Column("conditions", postgresql.JSONB(), nullable=False),
        sa.Column("overrides", postgresql.JSONB(), nullable=False),
        sa.Column("fallback_enabled", sa.Boolean(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("targeting_key", sa.Text(), nullable=False),
        sa.Column("shadow_share", sa.Double(), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("ceiling between 0 and 100", name=op.f("ck_feature_flags_ceiling_in_range")),
        sa.CheckConstraint("percentage between 0 and 100", name=op.f("ck_feature_flags_percentage_in_range")),
        sa.CheckConstraint("shadow_share between 0 and 1", name=op.f("ck_feature_flags_shadow_share_in_range")),
        sa.PrimaryKeyConstraint("environment", "name", name=op.f("pk_feature_flags")),
    )
    op.create_index("uq_feature_flags_revision", "feature_flags", ["environment", "revision"], unique=True)
    op.create_table(
        "flag_revisions",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("definition", postgresql.JSONB(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("environment", "revision", name=op.f("pk_flag_revisions")),
    )
    op.create_index("ix_flag_revisions_name", "flag_revisions", ["environment", "name", "revision"], unique=False)
    op.create_index(
        "ix_flag_revisions_run_id",
        "flag_revisions",
        ["run_id", "step"],
        unique=False,
        postgresql_where=sa.text("run_id is not null"),
    )
    op.create_table(
        "ingest_batches",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("answer", postgresql.JSONB(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "day", name=op.f("pk_ingest_batches")),
    )
    op.create_table(
        "metric_series",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("variant in ('legacy', 'candidate')", name=op.f("ck_metric_series_variant_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metric_series")),
    )
    op.create_index(
        "uq_metric_series_names",
        "metric_series",
        ["environment", "component", "variant", "metric", "kind"],
        unique=True,
    )
    op.create_table(
        "migration_metrics",
        sa.Column("series_id", sa.BigInteger(), nullable=False),
        sa.Column("bucket", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("zeros", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("mean", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("m2", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("min", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("max", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("histogram", sa.LargeBinary(), server_default=sa.text("''::bytea"), nullable=False),
        sa.Column("details", postgresql.JSONB(), nullable=True),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("ingested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        postgresql_partition_by="RANGE (bucket)",
    )
    op.create_index(
        "ix_migration_metrics_run_id",
        "migration_metrics",
        ["run_id", "series_id"],
        unique=False,
        postgresql_where=sa.text("run_id is not null"),
    )
    op.create_index("ix_migration_metrics_series_id_bucket", "migration_metrics", ["series_id", "bucket"], unique=False)
    op.create_table(
        "migrations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("plan_text", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("plan", postgresql.JSONB(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status in ('pending', 'running', 'paused', 'completed', 'aborted', 'failed')",
            name=op.f("ck_migrations_status_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_migrations")),
    )
    op.create_index(
        "uq_migrations_live",
        "migrations",
        ["environment", "name"],
        unique=True,
        postgresql_where=sa.text("status in ('pending', 'running', 'paused')"),
    )
    op.create_index("uq_migrations_number", "migrations", ["environment", "name", "number"], unique=True)
    op.create_table(
        "monitors",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("ticked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("environment", name=op.f("pk_monitors")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint("kind in ('start', 'signal')", name=op.f("ck_outbox_kind_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["workflow_id", "id"],
        unique=False,
        postgresql_where=sa.text("delivered_at is null"),
    )
    op.create_index("uq_outbox_request_id", "outbox", ["request_id"], unique=True)
    op.create_table(
        "replicas",
        sa.Column("replica", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("replica", "environment", name=op.f("pk_replicas")),
    )
    op.create_table(
        "sdk_clients",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("replica", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("environment", "client_id", name=op.f("pk_sdk_clients")),
    )
    op.create_table(
        "statistical_results",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("valid", sa.Boolean(), nullable=False),
        sa.Column("estimate", sa.Double(), nullable=True),
        sa.Column("lower", sa.Double(), nullable=True),
        sa.Column("upper", sa.Double(), nullable=True),
        sa.Column("log_p", sa.Double(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statistical_results")),
    )
    op.create_index(
        "ix_statistical_results_experiment",
        "statistical_results",
        ["environment", "experiment", "computed_at"],
        unique=False,
    )
    op.create_table(
        "user_behavior_tracking",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("variant in ('legacy', 'candidate')", name=op.f("ck_user_behavior_tracking_variant_known")),
        postgresql_partition_by="RANGE (occurred_at)",
    )
    op.create_index(
        "ix_user_behavior_tracking_occurred_at",
        "user_behavior_tracking",
        ["occurred_at"],
        unique=False,
        postgresql_using="brin",
    )
    op.create_table(
        "inter_phase_validation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("migration_id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict in ('pass', 'fail', 'inconclusive', 'no_data')",
            name=op.f("ck_inter_phase_validation_verdict_known"),
        ),
        sa.ForeignKeyConstraint(
            ["migration_id"], ["migrations.id"], name=op.f("fk_inter_phase_validation_migration_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inter_phase_validation")),
    )
    op.create_index(
        "ix_inter_phase_validation_migration_id", "inter_phase_validation", ["migration_id", "checked_at"], unique=False
    )
    op.create_index(
        "uq_inter_phase_validation_effect",
        "inter_phase_validation",
        ["environment", "effect"],
        unique=True,
        postgresql_where=sa.text("effect is not null"),
    )
    op.create_table(
        "migration_phases",
        sa.Column("migration_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("depends_on", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status in ('pending', 'running', 'validating', 'paused', 'completed', 'aborted', 'failed')",
            name=op.f("ck_migration_phases_status_known"),
        ),
        sa.ForeignKeyConstraint(["migration_id"], ["migrations.id"], name=op.f("fk_migration_phases_migration_id")),
        sa.PrimaryKeyConstraint("migration_id", "name", name=op.f("pk_migration_phases")),
    )
    op.create_index("uq_migration_phases_position", "migration_phases", ["migration_id", "position"], unique=True)
    op.create_table(
        "runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("migration_id", sa.Uuid(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("percentage", sa.Numeric(precision=6, scale=3), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("former_configuration", postgresql.JSONB(), nullable=True),
        sa.Column("plan", postgresql.JSONB(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('ramping', 'held', 'baking', 'rolling_back', 'stopping', 'completed', 'rolled_back', 'stopped')",
            name=op.f("ck_runs_state_known"),
        ),
        sa.CheckConstraint(
            "state not in ('rolling_back', 'rolled_back', 'stopping', 'stopped') or percentage = 0",
            name=op.f("ck_runs_legacy"),
        ),
        sa.CheckConstraint("percentage between 0 and 100", name=op.f("ck_runs_percentage_in_range")),
        sa.CheckConstraint("step >= 0", name=op.f("ck_runs_step_positive")),
        sa.ForeignKeyConstraint(["migration_id"], ["migrations.id"], name=op.f("fk_runs_migration_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index("ix_runs_migration_id", "runs", ["migration_id", "component"], unique=False)
    op.create_index("uq_runs_attempt", "runs", ["environment", "component", "attempt"], unique=True)
    op.create_index(
        "uq_runs_effect", "runs", ["environment", "effect"], unique=True, postgresql_where=sa.text("effect is not null")
    )
    op.create_index(
        "uq_runs_live",
        "runs",
        ["environment", "component"],
        unique=True,
        postgresql_where=sa.text("state in ('ramping', 'held', 'baking', 'rolling_back', 'stopping')"),
    )
    op.create_table(
        "data_validation_checkpoints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sample", sa.BigInteger(), nullable=False),
        sa.Column("max_mismatch", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=True),
        sa.Column("opened_revision", sa.BigInteger(), nullable=False),
        sa.Column("closed_revision", sa.BigInteger(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("compared", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("mismatched", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lower", sa.Double(), nullable=True),
        sa.Column("upper", sa.Double(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(), nullable=True),
        sa.CheckConstraint(
            "(state = 'closed') = (verdict is not null)", name=op.f("ck_data_validation_checkpoints_closed_has_verdict")
        ),
        sa.CheckConstraint(
            "kind in ('data_consistency', 'api_compatibility', 'performance_regression')",
            name=op.f("ck_data_validation_checkpoints_kind_known"),
        ),
        sa.CheckConstraint("state in ('open', 'closed')", name=op.f("ck_data_validation_checkpoints_state_known")),
        sa.CheckConstraint(
            "verdict in ('pass', 'fail', 'inconclusive', 'no_data')",
            name=op.f("ck_data_validation_checkpoints_verdict_known"),
        ),
        sa.CheckConstraint(
            "confidence > 0 and confidence < 1", name=op.f("ck_data_validation_checkpoints_confidence_in_range")
        ),
        sa.CheckConstraint(
            "max_mismatch between 0 and 1", name=op.f("ck_data_validation_checkpoints_max_mismatch_in_range")
        ),
        sa.CheckConstraint("sample > 0", name=op.f("ck_data_validation_checkpoints_sample_positive")),
        sa.CheckConstraint("share between 0 and 1", name=op.f("ck_data_validation_checkpoints_share_in_range")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_data_validation_checkpoints_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_validation_checkpoints")),
    )
    op.create_index(
        "ix_data_validation_checkpoints_component",
        "data_validation_checkpoints",
        ["environment", "component", "opened_at"],
        unique=False,
    )
    op.create_index(
        "uq_data_validation_checkpoints_effect",
        "data_validation_checkpoints",
        ["environment", "effect"],
        unique=True,
        postgresql_where=sa.text("effect is not null"),
    )
    op.create_table(
        "migration_components",
        sa.Column("migration_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("depends_on", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("waiting_for", sa.Text(), nullable=True),
        sa.Column("plan", postgresql.JSONB(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status in ('pending', 'ramping', 'held', 'paused', 'baking', 'completed', 'skipped', 'rolling_back', 'rolled_back', 'stopped')",
            name=op.f("ck_migration_components_status_known"),
        ),
        sa.ForeignKeyConstraint(["migration_id"], ["migrations.id"], name=op.f("fk_migration_components_migration_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_migration_components_run_id")),
        sa.PrimaryKeyConstraint("migration_id", "name", name=op.f("pk_migration_components")),
    )
    op.create_index("ix_migration_components_name", "migration_components", ["environment", "name"], unique=False)
    op.create_index(
        "uq_migration_components_position", "migration_components", ["migration_id", "position"], unique=True
    )
    op.create_table(
        "rollback_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("from_percentage", sa.Numeric(precision=6, scale=3), nullable=False),
        sa.Column("to_percentage", sa.Numeric(precision=6, scale=3), nullable=False),
        sa.Column("restore", sa.Text(), nullable=True),
        sa.Column("former_configuration", postgresql.JSONB(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("restore in ('previous')", name=op.f("ck_rollback_events_restore_known")),
        sa.CheckConstraint("state in ('running', 'completed', 'failed')", name=op.f("ck_rollback_events_state_known")),
        sa.CheckConstraint(
            "trigger in ('manual', 'threshold', 'validation', 'stop', 'abort')",
            name=op.f("ck_rollback_events_trigger_known"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_rollback_events_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollback_events")),
    )
    op.create_index("ix_rollback_events_started_at", "rollback_events", ["environment", "started_at"], unique=False)
    op.create_index(
        "uq_rollback_events_attempt", "rollback_events", ["environment", "component", "attempt"], unique=True
    )
    op.create_index(
        "uq_rollback_events_run_id",
        "rollback_events",
        ["run_id"],
        unique=True,
        postgresql_where=sa.text("run_id is not null"),
    )
    op.create_index(
        "uq_rollback_events_without_run",
        "rollback_events",
        ["environment", "component"],
        unique=True,
        postgresql_where=sa.text("run_id is null and state = 'running'"),
    )
    op.create_table(
        "run_readings",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("reading", postgresql.JSONB(), nullable=True),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_readings_run_id")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_readings")),
    )
    op.create_table(
        "rollback_steps",
        sa.Column("rollback_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('pending', 'running', 'completed', 'failed')", name=op.f("ck_rollback_steps_state_known")
        ),
        sa.ForeignKeyConstraint(["rollback_id"], ["rollback_events.id"], name=op.f("fk_rollback_steps_rollback_id")),
        sa.PrimaryKeyConstraint("rollback_id", "position", name=op.f("pk_rollback_steps")),
    )
    op.create_index("uq_rollback_steps_name", "rollback_steps", ["rollback_id", "name"], unique=True)


GUARDS = (
    # The audit can only grow.
    """
    create function refuse_change() returns trigger language plpgsql as $$
    begin
        raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
    end $$
    """,
    """
    create trigger audit_log_append_only before update or delete on audit_log
    for each row execute function refuse_change()
    """,
    """
    create trigger audit_log_no_truncate before truncate on audit_log
    for each statement execute function refuse_change()
    """,
    # Terminal is terminal: of the ended runs only a completed one changes again, by a rollback or a stop. Epochs only grow.
    """
    create function guard_run() returns trigger language plpgsql as $$
    begin
        if old.state in ('rolled_back', 'stopped') or
           (old.state = 'completed' and new.state not in ('completed', 'rolling_back')) or
           (old.state in ('rolling_back', 'stopping') and new.state in ('ramping', 'held', 'baking', 'completed')) then
            raise exception 'a run that is % cannot become %', old.state, new.state using errcode = 'check_violation';
        end if;
        if new.epoch < old.epoch then
            raise exception 'the epoch of a run cannot go back' using errcode = 'check_violation';
        end if;
        return new;
    end $$
    """,
    "create trigger runs_guard before update on runs for each row execute function guard_run()",
    # A served percentage exceeds neither the current step of a live run nor, while a stop is in force, what it was.
    """
    create function guard_flag() returns trigger language plpgsql as $$
    declare allowed numeric;
            former numeric := case when tg_op = 'UPDATE' then old.served else 0 end;
    begin
        select percentage into allowed from runs
        where environment = new.environment and component = new.name
          and state in ('ramping', 'held', 'baking', 'rolling_back', 'stopping');
        if found and new.ceiling > allowed then
            raise exception 'the ceiling exceeds the current step' using errcode = 'check_violation';
        end if;
        if new.served > former and exists (
            select from control where environment = new.environment and stopped_at is not null
        ) then
            raise exception 'a stop is in force' using errcode = 'check_violation';
        end if;
        return null;
    end $$
    """,
    """
    create trigger feature_flags_guard after insert or update on feature_flags
    for each row execute function guard_flag()
    """,
)
