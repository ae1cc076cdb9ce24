"""A plan as it is carried out: templates and defaults merged, every value in its final type."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from crossfade.flags import Conditions
from crossfade.states import Severity

Operator = Literal[">", ">=", "<", "<="]
Role = Literal["guardrail", "signal", "observe"]
Action = Literal["alert", "rollback"]
RollbackStep = Literal["disable_flag", "drain", "run_hook", "restore_configuration", "validate", "notify"]
OnFail = Literal["rollback", "hold"]
HoldOrRollback = Literal["hold", "rollback"]


class OnComponentRollback(StrEnum):
    """What a phase does when one of its components has rolled back."""

    PAUSE_PHASE = "pausePhase"
    ROLL_BACK_PHASE = "rollBackPhase"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's consent that a step waits for."""

    name: str
    required: int = 1
    roles: tuple[str, ...] = ("operator",)
    reason_required: bool = False
    expires_after: timedelta = timedelta(hours=72)
    on_expire: HoldOrRollback = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One percentage of a ramp with its gates.

    `validate` (names of the component's validations) and `approval` are passed before the percentage is published,
    `hold` and `min_sample` (candidate requests since the step began) are served at it.
    """

    percentage: Decimal
    hold: timedelta = timedelta(0)
    min_sample: int = 100
    validate: tuple[str, ...] = ()
    approval: Approval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A rule on one metric: it is breached when the reading `operator` `value` holds.

    `value` is in the metric's own unit (a rate is a fraction, a response time is in ms); where `relative`, it is
    the allowed change of candidate against legacy as a fraction, 0.10 for +10 %.
    """

    name: str
    metric: str
    operator: Operator
    value: float
    relative: bool = False
    window: timedelta = timedelta(minutes=5)
    severity: Severity = Severity.HIGH
    role: Role = "observe"
    action: Action = "alert"
    failure_limit: int = 0
    min_sample: int = 100
    initial_delay: timedelta = timedelta(0)
    estimate: Literal["bound", "point"] = "bound"
    attribute: Literal["", "latestRaise"] = ""
    unit: str = ""
    source: str = "app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How the readings of a component are taken, and what silence means."""

    required: Literal["auto"] | tuple[str, ...] = "auto"
    no_data: HoldOrRollback = "hold"
    no_data_grace: timedelta = timedelta(minutes=15)
    consecutive_error_limit: int = 4
    freshness: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationPlan:
    """A shadow comparison: `sample` compared calls must prove at most `max_mismatch` (a fraction) at `confidence`.

    `share` (0..1) is the part of the component's calls that is compared while it runs.
    """

    name: str
    type: Literal["shadow-compare"] = "shadow-compare"
    sample: int
    max_mismatch: float
    confidence: float = 0.95
    timeout: timedelta = timedelta(hours=1)
    on_fail: OnFail = "rollback"
    share: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPlan:
    """The ordered steps after the failover, and when a person may try again."""

    steps: tuple[RollbackStep, ...] = ("disable_flag", "restore_configuration", "validate", "notify")
    cooldown: timedelta = timedelta(hours=1)
    max_attempts: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagPlan:
    """What the component's flag is set to when a run begins; a salt of None means the component's name."""

    targeting_key: str = "targetingKey"
    fallback_enabled: bool = True
    conditions: Conditions = field(default_factory=Conditions)
    salt: str | None = None
    allow_conditional: bool = False

    def __post_init__(self) -> None:
        # A plan travels as JSON: a plain dict serialises, the read-only view that a flag keeps does not.
        conditions = replace(self.conditions)
        object.__setattr__(conditions, "attributes", dict(conditions.attributes))
        object.__setattr__(self, "conditions", conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentPlan:
    """Everything that a run of one component needs to know."""

    name: str
    depends_on: tuple[str, ...] = ()
    flag: FlagPlan = field(default_factory=FlagPlan)
    steps: tuple[Step, ...]
    thresholds: tuple[Threshold, ...] = ()
    judging: Judging = field(default_factory=Judging)
    validations: tuple[ValidationPlan, ...] = ()
    rollback: RollbackPlan = field(default_factory=RollbackPlan)
    bake: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCheck:
    """A check that a phase passes before it ends; `target` is a name in the server's configuration."""

    name: str
    type: Literal["http"] = "http"
    target: str
    expect_status: int = 200
    timeout: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasePlan:
    """An ordered part of a plan; `depends_on` names phases."""

    name: str
    depends_on: tuple[str, ...] = ()
    components: tuple[ComponentPlan, ...]
    gate: tuple[GateCheck, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules over all components of a migration."""

    max_components_ramping: int = 1
    on_component_rollback: OnComponentRollback = OnComponentRollback.PAUSE_PHASE


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A checked plan.

    `warnings` are against best practice but allowed; `without_effect` names what is understood and not yet acted on.
    """

    name: str
    owner: str = ""
    description: str = ""
    environment: str
    phases: tuple[PhasePlan, ...]
    policy: Policy = field(default_factory=Policy)
    warnings: tuple[str, ...] = ()
    without_effect: tuple[str, ...] = ()
