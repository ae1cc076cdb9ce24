"""Leads one migration of the demonstration through the API: begins it, approves, breaks what shall break, judges."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import httpx

from crossfade import plan as plans
from crossfade.states import MigrationStatus, PhaseStatus, RollbackState
from local.errors import Refused
from local.fault import Fault
from local.rest import Rest
from local.screen import Screen
from local.services import ROOT
from local.view import ComponentView, MigrationView, RollbackView

PLAN = "demo"
_LOOK_SECONDS = 0.4
_ABORT_SECONDS = 60.0
_WHY = "the demonstration starts from the beginning"


class Ending(IntEnum):
    """The exit code."""

    COMPLETED = 0
    UNEXPECTED = 1
    ROLLED_BACK = 3


@dataclass(slots=True)
class Guide:
    """One migration from its start, or from where it was left, to its end."""

    rest: Rest
    app: httpx.Client
    screen: Screen
    fault: Fault | None = None
    patience_seconds: float | None = None
    broken_run: str | None = None
    approved: set[tuple[str | None, str]] = field(default_factory=set)

    def mend(self) -> None:
        """Switch every fault off, whatever an earlier demonstration has left.

        Raises:
            Refused: the component cannot have the fault that this demonstration is to show.
        """
        told = self.app.get("/faults").raise_for_status().json()
        if self.fault:
            self.fault.ensure_supported(told["supported"])
        for component, fault in told["faults"].items():
            if fault:
                self._switch(component, None)

    def begin(self) -> MigrationView:
        """The unfinished migration, or a new one whose flags are at 0 %."""
        live = next((found for found in self.rest.migrations() if found.name == PLAN and found.status.is_live), None)
        if live and (found := self._continued(self.rest.migration(live.id))):
            return found
        for component in components_of_plan():
            if self.rest.flag(component).percentage:
                self.rest.reset(component, _WHY)
        migration_id, warnings = self.rest.start(PLAN)
        for warning in warnings:
            self.screen.say(f"warning: {warning}")
        return self.rest.migration(migration_id)

    def follow(self, migration: MigrationView, check: Callable[[], None]) -> MigrationView:
        """Show it, approve what waits, break what shall break, until it has ended or does not go on.

        Raises:
            Refused: nothing has changed for `patience_seconds`.
        """
        progress, since = migration.progress, time.monotonic()
        while True:
            check()
            migration = self.rest.migration(migration.id)
            self.screen.show(migration)
            if not migration.status.is_live or self._has_settled(migration):
                return migration
            for component in migration.components:
                self._approve(component)
                self._break(component)
            if progress != migration.progress:
                progress, since = migration.progress, time.monotonic()
            if self.patience_seconds and time.monotonic() - since > self.patience_seconds:
                raise Refused(f"nothing has changed for {self.patience_seconds:.0f} s; it {migration.waits}")
            time.sleep(_LOOK_SECONDS)

    def ending(self, migration: MigrationView, rollbacks: Sequence[RollbackView]) -> Ending:
        """What it has come to."""
        if self.fault is None:
            is_complete = migration.status is MigrationStatus.COMPLETED and not rollbacks
            return Ending.COMPLETED if is_complete else Ending.UNEXPECTED
        is_expected = (
            len(rollbacks) == 1
            and rollbacks[0].run_id == self.broken_run
            and rollbacks[0].state is RollbackState.COMPLETED
            and self.fault.explains(rollbacks[0])
            and self.rest.flag(self.fault.component).percentage == 0
            and self._phase_is_paused(migration)
        )
        return Ending.ROLLED_BACK if is_expected else Ending.UNEXPECTED

    def rollbacks(self, migration: MigrationView) -> list[RollbackView]:
        """The rollbacks of this migration's runs."""
        runs = {component.run_id for component in migration.components if component.run_id}
        return [rollback for rollback in self.rest.rollbacks() if rollback.run_id in runs]

    def _continued(self, migration: MigrationView) -> MigrationView | None:
        """The migration if it can go on; one that a rollback has stopped, or whose fault is past, is aborted."""
        if migration.is_rolled_back or (self.fault and self._is_past(migration, self.fault)):
            self.screen.say(f"aborting {migration.name} #{migration.number}, {_WHY}")
            self._abort(migration)
            return None
        self.screen.say(f"continuing {migration.name} #{migration.number}")
        if migration.status is MigrationStatus.PAUSED:
            self.rest.resume(migration.id, "the demonstration continues")
        return migration

    def _is_past(self, migration: MigrationView, fault: Fault) -> bool:
        component = migration.component(fault.component)
        return component is not None and fault.is_past(component)

    def _abort(self, migration: MigrationView) -> None:
        """Abort it and wait for its rollbacks: a component with a live run cannot begin another one."""
        self.rest.abort(migration.id, _WHY)
        deadline = time.monotonic() + _ABORT_SECONDS
        while True:
            migration = self.rest.migration(migration.id)
            is_running = any(rollback.state is RollbackState.RUNNING for rollback in self.rollbacks(migration))
            if not migration.status.is_live and not is_running:
                return
            if time.monotonic() > deadline:
                raise Refused(f"{migration.name} #{migration.number} did not abort within {_ABORT_SECONDS:.0f} s")
            time.sleep(_LOOK_SECONDS)

    def _approve(self, component: ComponentView) -> None:
        request = (component.run_id, component.waiting_for)
        if not component.waits_for_approval or request in self.approved:
            return
        self.approved.add(request)
        self.rest.approve(component.name, "the figures are good (given by the demonstration)")
        self.screen.say(f"{component.name}: {component.waiting_for} given")

    def _break(self, component: ComponentView) -> None:
        if self.fault and self.broken_run is None and self.fault.is_due(component):
            self._switch(component.name, self.fault.kind)
            self.broken_run = component.run_id
            self.screen.say(f"{component.name}: fault '{self.fault.kind}' switched on")

    def _switch(self, component: str, kind: str | None) -> None:
        self.app.post(f"/faults/{component}", json={"fault": kind}).raise_for_status()

    def _has_settled(self, migration: MigrationView) -> bool:
        """Whether a rollback has ended and its phase stands still, as the plan says."""
        if not migration.is_rolled_back:
            return False
        rollbacks = self.rollbacks(migration)
        have_ended = bool(rollbacks) and all(rollback.state is not RollbackState.RUNNING for rollback in rollbacks)
        return have_ended and any(phase.status is PhaseStatus.PAUSED for phase in migration.phases)

    def _phase_is_paused(self, migration: MigrationView) -> bool:
        component = migration.component(self.fault.component) if self.fault else None
        return component is not None and any(
            phase.name == component.phase and phase.status is PhaseStatus.PAUSED for phase in migration.phases
        )


def components_of_plan() -> tuple[str, ...]:
    """The names of the components that the demonstration migrates, in the order of the plan."""
    file = ROOT / "plans" / f"{PLAN}.yaml"
    plan = plans.load(file.read_bytes(), environ={}, file=file.name)
    return tuple(component.name for phase in plan.phases for component in phase.components)
