"""Builders for what the API says."""

from collections.abc import Sequence
from decimal import Decimal

from crossfade.states import (
    ComponentStatus,
    MigrationStatus,
    PhaseStatus,
    RollbackState,
    RollbackTrigger,
    Variant,
)
from local.view import ComponentView, Json, MigrationView, PhaseView, RollbackView, SideView


def component(
    name: str = "search",
    *,
    status: ComponentStatus = ComponentStatus.RAMPING,
    percentage: int = 10,
    waiting_for: str = "",
    verdict: str = "pass",
    run_id: str | None = "run-1",
) -> ComponentView:
    sides = {Variant.LEGACY: SideView(90, 0, 0.0, 4.0), Variant.CANDIDATE: SideView(10, 1, 0.1, 3.0)}
    return ComponentView(name, "one", status, Decimal(percentage), waiting_for, verdict, run_id, sides)


def migration(
    *components: ComponentView,
    status: MigrationStatus = MigrationStatus.RUNNING,
    phases: Sequence[PhaseView] = (PhaseView("one", PhaseStatus.RUNNING, ""),),
) -> MigrationView:
    return MigrationView("m-1", "demo", 1, status, tuple(phases), components)


def rollback(
    component: str = "search", *, trigger: RollbackTrigger = RollbackTrigger.THRESHOLD, evidence: Json | None = None
) -> RollbackView:
    found = {"metric": "errorRate"} if evidence is None else evidence
    steps = (("disable_flag", "completed"), ("notify", "completed"))
    return RollbackView("r-1", component, "run-1", trigger, RollbackState.COMPLETED, "too many errors", found, steps)
