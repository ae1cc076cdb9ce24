"""What workflows are started with, told and asked: one dataclass each.

A person types the same field names into the `temporal` command:
`temporal workflow signal -w rollout/production/search-fuzzy --name pause --input '{"actor":"ann"}'`.
New fields get defaults, so that messages in flight stay readable.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from pydantic import JsonValue

from crossfade.decisions import Gate
from crossfade.plan.resolved import ComponentPlan, PhasePlan, Policy
from crossfade.states import ComponentStatus, MigrationStatus, PhaseStatus, Verdict

TASK_QUEUE = "crossfade"


def migration_id(environment: str, name: str) -> str:
    """Give the workflow id of a migration."""
    return f"migration/{environment}/{name}"


def phase_id(environment: str, migration: str, phase: str) -> str:
    """Give the workflow id of a phase."""
    return f"phase/{environment}/{migration}/{phase}"


def rollout_id(environment: str, component: str) -> str:
    """Give the workflow id of a component's rollout; every attempt uses the same."""
    return f"rollout/{environment}/{component}"


def monitor_id(environment: str) -> str:
    """Give the workflow id of an environment's monitor."""
    return f"monitor/{environment}"


class PauseLevel(StrEnum):
    """What a pause was ordered for; each level is resumed by itself. `rollback`: a sibling was rolled back."""

    COMPONENT = "component"
    PHASE = "phase"
    MIGRATION = "migration"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A person's order, with who and why.

    Attributes:
        order_id: the same id again is the same order; empty where the sender does not repeat itself.
        level: for what the order was given; None for the workflow that is told, set when a parent passes it on.
        run_id: the one run that it is for; a later run of the component ignores it. Empty: whichever runs.
    """

    actor: str = "temporal"
    reason: str = ""
    order_id: str = ""
    level: PauseLevel | None = None
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBack:
    """Roll the component back; `rollback_id` when Postgres has already taken the traffic back, `run_id` as above."""

    actor: str = "temporal"
    reason: str = ""
    rollback_id: str | None = None
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """The steps of a rollback have ended; `state` is the run's final state, `run_id` as above."""

    rollback_id: str = ""
    state: str = "rolled_back"
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Stay at this percentage until resumed; never raises. None: at the present one.

    `is_served` says that Postgres holds there already: the API lowers without waiting for a workflow.
    """

    percentage: Decimal | None = None
    actor: str = "temporal"
    reason: str = ""
    is_served: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The monitor's judgement of a run, sent when it changes; `at` orders two of them (epoch seconds)."""

    run_id: str
    step: int
    verdict: Verdict
    at: float = 0.0
    samples: int = 0
    enough: bool = False
    no_data: bool = False
    source_error: bool = False
    failing_signals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPercentage:
    """Serve this share of the targeting keys from candidate and hold there (0..100, steps of 0.001).

    With a `revision` only where the flag has it still.
    """

    percentage: Decimal
    actor: str = "temporal"
    reason: str = ""
    revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote:
    """Go to the next step now: skips hold time, minimum sample and approval, never safety or validation."""

    actor: str = "temporal"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    """Consent to a step; None means the one that waits."""

    step: int | None = None
    actor: str = "temporal"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentControl:
    """An order to a phase about one of its components."""

    component: str
    actor: str = "temporal"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentNote:
    """What a rollout tells its phase while it runs."""

    component: str
    status: ComponentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseNote:
    """What a phase tells its migration while it runs."""

    phase: str
    status: PhaseStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """A completed component was rolled back; its rollout has ended, so its phase is told."""

    component: str
    actor: str = "temporal"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationInput:
    """Starts `Migration`; one that is started again, since its workflow was gone, begins with a pause."""

    environment: str
    migration_id: str
    name: str
    pauses: dict[PauseLevel, Control] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationState:
    """Answers the query `state` of `Migration`."""

    migration_id: str
    status: MigrationStatus
    phases: dict[str, PhaseStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseInput:
    """Starts `Phase`.

    Attributes:
        settled: components that are complete already.
        decided: where others stand, when the phase has begun before and its workflow was gone.
        attempts: how many runs these have had.
    """

    environment: str
    migration_id: str
    migration: str
    phase: PhasePlan
    policy: Policy
    settled: tuple[str, ...] = ()
    pauses: dict[PauseLevel, Control] = field(default_factory=dict)
    decided: dict[str, ComponentStatus] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseState:
    """Answers the query `state` of `Phase`."""

    status: PhaseStatus
    detail: str
    components: dict[str, ComponentStatus]


class RolloutOutcome(StrEnum):
    """How a rollout ended; `refused` means that it could not begin."""

    COMPLETED = "completed"
    ROLLED_BACK = "rolled_back"
    STOPPED = "stopped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutResult:
    """What a rollout gives its phase."""

    outcome: RolloutOutcome
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class RolloutState:
    """Where a rollout stands; survives continue-as-new and answers the query `state`.

    Attributes:
        step: the step that is served, 1-based; 0 before the first.
        sequence: number of effects so far, part of their idempotency keys.
        resuming: an order to resume that is not carried out yet.
        refusals: how often in a row the next step was refused for want of a fresh passing reading.
        pauses: who pauses it, by level; it goes on when nobody does.
        orders: ids of the latest orders, of which each counts once.
        hold_served: hold time already served at this step, without pauses and silence.
        clock_read_at: when the hold clock was last read; None while it stands still.
    """

    run_id: str = ""
    epoch: int = 0
    attempt: int = 0
    step: int = 0
    percentage: Decimal = Decimal(0)
    baking: bool = False
    sequence: int = 0
    confirmed: bool = False
    hold_served: timedelta = timedelta(0)
    clock_read_at: datetime | None = None
    pauses: dict[PauseLevel, Control] = field(default_factory=dict)
    orders: list[str] = field(default_factory=list)
    held: bool = False
    promoted: bool = False
    resuming: Control | None = None
    refusals: int = 0
    validation: Gate = Gate.NOT_NEEDED
    validation_reason: str = ""
    validation_evidence: dict[str, JsonValue] = field(default_factory=dict)
    approvals: list[str] = field(default_factory=list)
    approval_asked_at: datetime | None = None
    observed: Observed | None = None
    stop: Control | None = None
    rollback: RollBack | None = None
    rolled_back: RolledBack | None = None
    status: ComponentStatus = ComponentStatus.PENDING
    waits_for: str = ""
    history: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutInput:
    """Starts `Rollout`; `state` continues one."""

    environment: str
    migration_id: str
    migration: str
    phase: str
    component: ComponentPlan
    pauses: dict[PauseLevel, Control] = field(default_factory=dict)
    state: RolloutState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackInput:
    """Starts `Rollback`."""

    environment: str
    rollback_id: str
    component: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorInput:
    """Starts `Monitor`."""

    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationInput:
    """Starts `Validation`, a validation that a person asked for."""

    environment: str
    validation_id: str
    component: str = ""
