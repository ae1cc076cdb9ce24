"""What the API says about a migration, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crossfade.states import ComponentStatus, MigrationStatus, PhaseStatus, RollbackState, RollbackTrigger, Variant

Json = Mapping[str, Any]
ENDED = frozenset(
    {ComponentStatus.COMPLETED, ComponentStatus.SKIPPED, ComponentStatus.ROLLED_BACK, ComponentStatus.STOPPED}
)
BACK = frozenset({ComponentStatus.ROLLING_BACK, ComponentStatus.ROLLED_BACK, ComponentStatus.STOPPED})


@dataclass(frozen=True, slots=True)
class SideView:
    """One side of a component in its run."""

    requests: int
    errors: int
    error_rate: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class ComponentView:
    """Where a component stands; the sides' figures are of its run."""

    name: str
    phase: str
    status: ComponentStatus
    percentage: Decimal
    waiting_for: str
    verdict: str
    run_id: str | None
    sides: Mapping[Variant, SideView]

    @property
    def waits_for_approval(self) -> bool:
        """Whether a person must consent to its next step."""
        return self.waiting_for.startswith("approval of")


@dataclass(frozen=True, slots=True)
class PhaseView:
    """Where a phase stands, and why."""

    name: str
    status: PhaseStatus
    reason: str


@dataclass(frozen=True, slots=True)
class MigrationView:
    """Where a migration stands."""

    id: str
    name: str
    number: int
    status: MigrationStatus
    phases: tuple[PhaseView, ...] = ()
    components: tuple[ComponentView, ...] = ()

    @property
    def is_rolled_back(self) -> bool:
        """Whether a rollback is why it does not go on."""
        return any(component.status in BACK for component in self.components)

    @property
    def progress(self) -> tuple[object, ...]:
        """What differs whenever it has gone on."""
        phases = tuple(phase.status for phase in self.phases)
        return (self.status, phases, *((part.status, part.percentage) for part in self.components))

    @property
    def waits(self) -> str:
        """What its components wait for."""
        waiting = [f"{part.name} waits for {part.waiting_for}" for part in self.components if part.waiting_for]
        return "; ".join(waiting) or f"is {self.status}"

    def component(self, name: str) -> ComponentView | None:
        """The component of this name."""
        return next((component for component in self.components if component.name == name), None)


@dataclass(frozen=True, slots=True)
class RollbackView:
    """One rollback with its evidence and its steps."""

    id: str
    component: str
    run_id: str | None
    trigger: RollbackTrigger
    state: RollbackState
    reason: str
    evidence: Json
    steps: tuple[tuple[str, str], ...]


def migration(found: Json, components: Sequence[Json] = ()) -> MigrationView:
    """A migration from its JSON and that of its components."""
    return MigrationView(
        id=found["id"],
        name=found["name"],
        number=found["number"],
        status=MigrationStatus(found["status"]),
        phases=tuple(
            PhaseView(phase["name"], PhaseStatus(phase["status"]), phase.get("reason") or "")
            for phase in found.get("phases", ())
        ),
        components=tuple(component(one) for one in components),
    )


def component(found: Json) -> ComponentView:
    """A component from its JSON."""
    status = ComponentStatus(found["status"])
    return ComponentView(
        name=found["name"],
        phase=found["phase"],
        status=status,
        percentage=Decimal(str(found["percentage"] or 0)),
        waiting_for="" if status in ENDED else found["waitingFor"] or "",
        verdict=found["verdict"] or "",
        run_id=found["runId"],
        sides={variant: _side(found[variant.value] or {}) for variant in Variant},
    )


def rollback(found: Json) -> RollbackView:
    """A rollback from its JSON."""
    return RollbackView(
        id=found["id"],
        component=found["component"],
        run_id=found["runId"],
        trigger=RollbackTrigger(found["trigger"]),
        state=RollbackState(found["state"]),
        reason=found["reason"],
        evidence=found["evidence"],
        steps=tuple((step["name"], step["state"]) for step in found["steps"]),
    )


def _side(found: Json) -> SideView:
    return SideView(
        requests=found.get("requests", 0),
        errors=found.get("errors", 0),
        error_rate=found.get("errorRate"),
        p95_ms=found.get("p95Ms"),
    )
