"""The tables. Rows never leave `store`."""

from store.tables.base import metadata
from store.tables.control import (
    api_tokens,
    audit_log,
    control,
    first_answers,
    monitors,
    outbox,
    replicas,
    sdk_clients,
    stopped_components,
)
from store.tables.flags import feature_flags, flag_revisions, rollback_events, rollback_steps, run_readings, runs
from store.tables.metrics import (
    ab_testing_cohorts,
    alert_events,
    ingest_batches,
    metric_series,
    migration_metrics,
    statistical_results,
    user_behavior_tracking,
)
from store.tables.migrations import (
    data_validation_checkpoints,
    inter_phase_validation,
    migration_components,
    migration_phases,
    migrations,
    retirements,
)

__all__ = [
    "ab_testing_cohorts",
    "alert_events",
    "api_tokens",
    "audit_log",
    "control",
    "data_validation_checkpoints",
    "feature_flags",
    "first_answers",
    "flag_revisions",
    "ingest_batches",
    "inter_phase_validation",
    "metadata",
    "metric_series",
    "migration_components",
    "migration_metrics",
    "migration_phases",
    "migrations",
    "monitors",
    "outbox",
    "replicas",
    "retirements",
    "rollback_events",
    "rollback_steps",
    "run_readings",
    "runs",
    "sdk_clients",
    "statistical_results",
    "stopped_components",
    "user_behavior_tracking",
]
