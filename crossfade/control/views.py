"""What the server says, as values. Each has its JSON in `raw`.

A status is a text that equals a member of the enums in `crossfade.states`; a newer server may know more of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crossfade.control.decoding import FromJson
from crossfade.states import ComponentStatus, MigrationStatus

ENDED = frozenset(
    {ComponentStatus.COMPLETED, ComponentStatus.SKIPPED, ComponentStatus.ROLLED_BACK, ComponentStatus.STOPPED}
)
_LIVE = frozenset(status for status in MigrationStatus if status.is_live)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health(FromJson):
    """Whether everything works, and if not, what does not and what that means."""

    healthy: bool
    issues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration(FromJson):
    """One execution of a plan."""

    id: str
    name: str
    number: int
    status: str
    reason: str | None = None
    environment: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    workflow_id: str | None = None

    @property
    def is_live(self) -> bool:
        """Whether it may still change something."""
        return self.status in _LIVE

    @property
    def is_completed(self) -> bool:
        """Whether it has ended as it should."""
        return self.status == MigrationStatus.COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Migration):
    """A migration that has just been started, with what the plan's check noticed."""

    warnings: tuple[str, ...] = ()
    without_effect: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase(FromJson):
    """Where a phase stands; `percentage` and `components` are told by the dashboard only."""

    name: str
    status: str
    reason: str | None = None
    depends_on: tuple[str, ...] = ()
    percentage: float | None = None
    components: tuple[str, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Side(FromJson):
    """The figures of legacy or candidate; rates and memory are fractions."""

    requests: int = 0
    errors: int = 0
    error_rate: float | None = None
    p95_ms: float | None = None
    memory_usage: float | None = None
    connection_drop_rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component(FromJson):
    """Where a component stands; the sides' figures are of its run."""

    name: str
    phase: str
    status: str
    percentage: float = 0.0
    step: int = 0
    steps: int = 0
    waiting_for: str | None = None
    verdict: str | None = None
    reason: str | None = None
    run_id: str | None = None
    legacy: Side | None = None
    candidate: Side | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.status in ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemHealth(FromJson):
    """`healthy`, `degraded` or `failing`, with its first cause."""

    status: str
    healthy: bool
    cause: str | None = None
    issues: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.status}: {self.cause}" if self.cause else self.status


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(FromJson):
    """How far the migration is: its percentage, and how many components are where."""

    percentage: float | None = None
    components: int = 0
    completed: int = 0
    ramping: int = 0
    rolled_back: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert(FromJson):
    """An alert that fires."""

    id: str
    severity: str
    component: str | None = None
    rule: str | None = None
    fired_at: datetime | None = None
    sentence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts(FromJson):
    """The alerts that fire now: how many, how many of each severity, and which."""

    total: int
    by_severity: Mapping[str, int] = field(default_factory=dict)
    active: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard(FromJson):
    """The whole state at one moment. Trends, validations and experiments are as the API documents them."""

    environment: str
    generated_at: datetime
    system_health: SystemHealth
    alerts: Alerts
    migration: Migration | None
    revision: int = 0
    progress: Progress = field(default_factory=Progress)
    phases: tuple[Phase, ...] = ()
    components: tuple[Component, ...] = ()
    performance: Mapping[str, Any] = field(default_factory=dict)
    rollbacks: tuple[Mapping[str, Any], ...] = ()
    validations: tuple[Mapping[str, Any], ...] = ()
    experiments: tuple[Mapping[str, Any], ...] = ()

    def component(self, name: str) -> Component | None:
        """The component of this name."""
        return next((component for component in self.components if component.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag(FromJson):
    """A flag; `served_percentage` is what the traffic obeys, `revision` goes into a later change of just this one."""

    name: str
    enabled: bool
    rollout_percentage: float
    served_percentage: float
    revision: int
    is_live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackStep(FromJson):
    """One of the ordered steps of a rollback."""

    name: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback(FromJson):
    """A rollback; the traffic is on legacy in each of its states."""

    id: str
    component: str
    state: str
    trigger: str
    reason: str = ""
    run_id: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[RollbackStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal(FromJson):
    """What a rollback would do now."""

    component: str
    from_percentage: float
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MayStillServe(FromJson):
    """Names of the replicas and clients that have not confirmed a stop, and of the flags that they may still serve."""

    replicas: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped(FromJson):
    """What an emergency stop has put to legacy: names of flags, ids of runs, rollbacks and migrations; then its proof.

    Replicas and clients have confirmed it, or have expired: they serve no live rollout any more. `may_still_serve` is
    None where it is proven that nobody serves candidate.
    """

    epoch: int
    revision: int
    flags: tuple[str, ...]
    runs: tuple[str, ...] = ()
    rollbacks: tuple[str, ...] = ()
    migrations: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    replicas_applied: int = 0
    replicas_expired: int = 0
    clients_confirmed: int = 0
    clients_expired: int = 0
    milliseconds: float = 0.0
    may_still_serve: MayStillServe | None = None

    @property
    def is_proven(self) -> bool:
        """Whether nobody serves candidate any more."""
        return self.may_still_serve is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Released(FromJson):
    """The end of a stop: the components put back to 100 %, and those left since somebody has changed them."""

    epoch: int
    revision: int
    restored: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(FromJson):
    """A component stays at this percentage until it is resumed."""

    component: str
    percentage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement(FromJson):
    """A component's legacy code is gone since then."""

    component: str
    retired_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(FromJson):
    """An order was taken. `answer` is its workflow's; without one it is on its way and certain to arrive."""

    order: str
    answer: str | None = None
