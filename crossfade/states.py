"""The states that a migration, its parts and its judgements can be in."""

from enum import StrEnum


class Variant(StrEnum):
    """Which implementation serves."""

    LEGACY = "legacy"
    CANDIDATE = "candidate"


class Verdict(StrEnum):
    """The outcome of judging."""

    PASS = "pass"  # noqa: S105 - the word of Argo Rollouts for a good measurement
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no_data"


class Severity(StrEnum):
    """How loudly an alert asks for a person."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class MigrationStatus(StrEnum):
    """Where one execution of a plan stands."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    ABORTED = "aborted"
    FAILED = "failed"

    @property
    def is_live(self) -> bool:
        """Whether its workflow may still change something."""
        return self in {MigrationStatus.PENDING, MigrationStatus.RUNNING, MigrationStatus.PAUSED}


class PhaseStatus(StrEnum):
    """Where a phase stands."""

    PENDING = "pending"
    RUNNING = "running"
    VALIDATING = "validating"
    PAUSED = "paused"
    COMPLETED = "completed"
    ABORTED = "aborted"
    FAILED = "failed"


class ComponentStatus(StrEnum):
    """Where a component stands in its migration."""

    PENDING = "pending"
    RAMPING = "ramping"
    HELD = "held"
    PAUSED = "paused"
    BAKING = "baking"
    COMPLETED = "completed"
    SKIPPED = "skipped"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    STOPPED = "stopped"


class RunState(StrEnum):
    """Where one attempt to roll out one component stands."""

    RAMPING = "ramping"
    HELD = "held"
    BAKING = "baking"
    ROLLING_BACK = "rolling_back"
    STOPPING = "stopping"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled_back"
    STOPPED = "stopped"

    @property
    def is_live(self) -> bool:
        """Whether the run still occupies its component."""
        return self not in {RunState.COMPLETED, RunState.ROLLED_BACK, RunState.STOPPED}


class RollbackTrigger(StrEnum):
    """What asked for a rollback."""

    MANUAL = "manual"
    THRESHOLD = "threshold"
    VALIDATION = "validation"
    STOP = "stop"
    ABORT = "abort"


class RollbackState(StrEnum):
    """Where a rollback's steps stand; traffic is on legacy in every one of them."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
