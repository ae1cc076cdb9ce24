"""One execution of a plan: its phases in the order of their dependencies."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ChildWorkflowError, WorkflowAlreadyStartedError

from activities.migrations import (
    LoadedMigration,
    MigrationActivities,
    RecordOrder,
    Retire,
    SetMigration,
    SetPhase,
    Stop,
)
from crossfade.plan.resolved import PhasePlan
from crossfade.states import MigrationStatus, PhaseStatus
from workflows.effects import WRITE, unless_fenced
from workflows.messages import (
    ComponentControl,
    Control,
    MigrationInput,
    MigrationState,
    PauseLevel,
    PhaseInput,
    PhaseNote,
    phase_id,
)
from workflows.pauses import Pauses, is_new, signal, words
from workflows.phase import Phase
from workflows.story import PHASE_DETAILS, STATUS, attributes, brief, describe_migration

LOST = {PhaseStatus.ABORTED, PhaseStatus.FAILED}  # with such a phase, what depends on it can never start
ENDED = {PhaseStatus.COMPLETED, *LOST}


@workflow.defn
class Migration:
    """One execution of a plan; id `migration/{environment}/{name}`. Continuing as new would end its children."""

    @workflow.init
    def __init__(self, order: MigrationInput) -> None:
        self.order = order
        self.status = MigrationStatus.PENDING
        self.phases: dict[str, PhaseStatus] = {}
        self.heard: dict[str, PhaseStatus] = {}
        self.begun: frozenset[str] = frozenset()
        self.running: dict[str, asyncio.Task[None]] = {}
        self.pauses = Pauses(order.pauses)
        self.orders: list[str] = []
        self.stop: Control | None = None
        self.aborted: Control | None = None
        self.version = 0
        self.sequence = 0

    @workflow.run
    async def run(self, order: MigrationInput) -> MigrationStatus:
        """Run every phase once those it depends on are completed."""
        loaded = await workflow.execute_activity_method(
            MigrationActivities.load, order.migration_id, summary="load the plan", **WRITE
        )
        self._take_up(loaded)
        await self._to(*self._start)
        try:
            await self._go(loaded)
        except asyncio.CancelledError:
            self.aborted = Control(reason="the workflow was cancelled")
            await self._tell_phases("abort", self.aborted)
        result = await self._end(loaded)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result

    @workflow.signal
    async def pause(self, order: Control) -> None:
        """Start nothing more and pause every phase."""
        if is_new(order, self.orders):
            self.pauses.begin(PauseLevel.MIGRATION, order)
            self.version += 1
            await self.pauses.share()
            await self._record("pause", order)

    @workflow.signal
    async def resume(self, order: Control) -> None:
        """Go on where it stood; phases and components that a person paused by themselves stay paused."""
        if is_new(order, self.orders):
            self.pauses.lift(PauseLevel.MIGRATION)
            self.version += 1
            await self.pauses.share()
            await self._tell_phases("resume", order)
            await self._record("resume", order)

    @workflow.signal
    async def emergency_stop(self, order: Control) -> None:
        """Every component to legacy, at once; the migration has failed."""
        self.stop = self.stop or order
        self.version += 1
        await self._tell_phases("emergency_stop", order)

    @workflow.signal
    async def abort(self, order: Control) -> None:
        """Roll back what is live, leave what is completed, and end."""
        if is_new(order, self.orders) and self.aborted is None:
            self.aborted = order
            self.version += 1
            await self._tell_phases("abort", order)
            await self._record("abort", order)

    @workflow.signal
    def note_phase(self, note: PhaseNote) -> None:
        """Take a phase's news about itself."""
        self.heard[note.phase] = note.status
        self._describe()

    @workflow.update
    async def retire(self, order: ComponentControl) -> str:
        """Say that a complete component's legacy code is gone: an emergency stop then leaves it alone."""
        retire = Retire(
            environment=self.order.environment, component=order.component, actor=order.actor, reason=order.reason
        )
        await workflow.execute_activity_method(
            MigrationActivities.retire, retire, summary=f"retire {order.component}", **WRITE
        )
        return f"{order.component} is retired"

    @retire.validator
    def _check_retire(self, order: ComponentControl) -> None:
        if not order.reason.strip():
            raise ApplicationError("retiring needs a reason", type="ReasonRequired")

    @workflow.query
    def state(self) -> MigrationState:
        """Say where the migration stands."""
        return MigrationState(migration_id=self.order.migration_id, status=self.status, phases=self._seen)

    @property
    def _seen(self) -> dict[str, PhaseStatus]:
        """Where the phases stand: those that run say more than that they run."""
        return {
            name: self.heard.get(name, self.phases[name]) if name in self.running else status
            for name, status in self.phases.items()
        }

    def _take_up(self, loaded: LoadedMigration) -> None:
        """Begin where the rows stand: at the start, unless an earlier workflow of this migration is gone."""
        self.phases = {
            phase.name: status if (status := loaded.phases.get(phase.name)) in ENDED else PhaseStatus.PENDING
            for phase in loaded.plan.phases
        }
        self.begun = frozenset(loaded.phases) - {
            name for name, status in loaded.phases.items() if status is PhaseStatus.PENDING
        }

    @property
    def _start(self) -> tuple[MigrationStatus, str]:
        return (
            (MigrationStatus.PAUSED, words(self.pauses.here)) if self.pauses else (MigrationStatus.RUNNING, "started")
        )

    @property
    def _is_going(self) -> bool:
        return self.stop is None and self.aborted is None

    async def _go(self, loaded: LoadedMigration) -> None:
        while self._is_going and not LOST & set(self.phases.values()) and not self._is_complete:
            version = self.version
            self._start_ready(loaded)
            await self._tell()
            await self._wait(version)

    async def _wait(self, version: int) -> None:
        await workflow.wait_condition(lambda: self.version != version)

    @property
    def _is_complete(self) -> bool:
        return all(status is PhaseStatus.COMPLETED for status in self.phases.values())

    def _start_ready(self, loaded: LoadedMigration) -> None:
        for phase in loaded.plan.phases:
            ready = all(self.phases[name] is PhaseStatus.COMPLETED for name in phase.depends_on)
            may_start = not self.pauses or phase.name in self.begun
            if self.phases[phase.name] is PhaseStatus.PENDING and ready and may_start:
                self.phases[phase.name] = PhaseStatus.RUNNING
                self.running[phase.name] = asyncio.create_task(self._run(phase, loaded))

    async def _run(self, phase: PhasePlan, loaded: LoadedMigration) -> None:
        order = self.order
        child, given = phase_id(order.environment, order.name, phase.name), dict(self.pauses.here)
        try:
            handle = await workflow.start_child_workflow(
                Phase.run,
                PhaseInput(
                    environment=order.environment,
                    migration_id=order.migration_id,
                    migration=order.name,
                    phase=phase,
                    policy=loaded.plan.policy,
                    settled=tuple(name for name in loaded.settled),
                    pauses=given,
                    decided=loaded.decided,
                    attempts=loaded.attempts,
                ),
                id=child,
                parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
                cancellation_type=workflow.ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
                task_timeout=timedelta(seconds=2),
                static_summary=brief(f"{phase.name}: {', '.join(component.name for component in phase.components)}"),
                static_details=PHASE_DETAILS,
                search_attributes=attributes(environment=order.environment, migration=order.name, phase=phase.name),
            )
            await self.pauses.adopt(child, given)
            if not self._is_going:
                await self._pass_on_the_end(child)
            status = await handle
        except (ChildWorkflowError, WorkflowAlreadyStartedError):
            status = PhaseStatus.FAILED
        self.pauses.forget(child)
        self.phases[phase.name] = status
        del self.running[phase.name]
        self.version += 1

    async def _end(self, loaded: LoadedMigration) -> MigrationStatus:
        if self.stop is None and workflow.patched("stop-while-ending"):
            await workflow.wait_condition(lambda: not self.running or self.stop is not None)
        if self.stop is not None:
            await self._stop()
        await workflow.wait_condition(lambda: not self.running)
        if self.stop is not None:
            return await self._to(MigrationStatus.FAILED, f"emergency stop: {self.stop.reason}")
        if self._is_complete:
            return await self._to(MigrationStatus.COMPLETED, "every phase is completed")
        reason = self.aborted.reason if self.aborted else "a phase has ended without completing"
        await self._abort_pending(loaded, reason)
        return await self._to(MigrationStatus.ABORTED if self.aborted else MigrationStatus.FAILED, reason)

    async def _stop(self) -> None:
        """Make sure that Postgres has stopped, also when the signal came from the `temporal` command."""
        assert self.stop is not None
        stop = Stop(
            environment=self.order.environment,
            migration_id=self.order.migration_id,
            actor=self.stop.actor,
            reason=self.stop.reason,
        )
        await workflow.execute_activity_method(MigrationActivities.stop, stop, summary="emergency stop", **WRITE)

    async def _abort_pending(self, loaded: LoadedMigration, reason: str) -> None:
        for phase in loaded.plan.phases:
            if self.phases[phase.name] is PhaseStatus.PENDING:
                self.phases[phase.name] = PhaseStatus.ABORTED
                change = SetPhase(
                    migration_id=self.order.migration_id,
                    phase=phase.name,
                    status=PhaseStatus.ABORTED,
                    reason=reason,
                    effect=self._effect(f"abort {phase.name}"),
                )
                await unless_fenced(
                    workflow.execute_activity_method(
                        MigrationActivities.set_phase, change, summary=f"phase {phase.name} aborted", **WRITE
                    )
                )

    async def _tell(self) -> None:
        if self.pauses and self.status is MigrationStatus.RUNNING:
            await self._to(MigrationStatus.PAUSED, words(self.pauses.here))
        elif not self.pauses and self.status is MigrationStatus.PAUSED:
            await self._to(MigrationStatus.RUNNING, "resumed")
        self._describe()

    async def _to(self, status: MigrationStatus, reason: str) -> MigrationStatus:
        self._show(status)
        change = SetMigration(
            migration_id=self.order.migration_id, status=status, reason=reason, effect=self._effect(status)
        )
        written = await unless_fenced(
            workflow.execute_activity_method(
                MigrationActivities.set_status, change, summary=f"migration {status}", **WRITE
            )
        )
        return status if written else self._show(MigrationStatus.FAILED)

    def _show(self, status: MigrationStatus) -> MigrationStatus:
        self.status = status
        self._describe()
        workflow.upsert_search_attributes([STATUS.value_set(status.value)])
        return status

    def _describe(self) -> None:
        parts = {name: status.value for name, status in self._seen.items()}
        details = describe_migration(
            self.order.name, self.status, parts, detail=words(self.pauses.here), environment=self.order.environment
        )
        workflow.set_current_details(details)

    async def _tell_phases(self, name: str, order: Control) -> None:
        passed_on = replace(order, level=PauseLevel.MIGRATION)
        for phase in list(self.running):
            await signal(phase_id(self.order.environment, self.order.name, phase), name, passed_on)

    async def _pass_on_the_end(self, child: str) -> None:
        """Tell a phase that has started meanwhile."""
        for name, order in (("emergency_stop", self.stop), ("abort", self.aborted)):
            if order is not None:
                await signal(child, name, replace(order, level=PauseLevel.MIGRATION))

    async def _record(self, action: str, order: Control) -> None:
        """Write a person's order into the audit, once."""
        record = RecordOrder(
            migration_id=self.order.migration_id,
            action=action,
            actor=order.actor,
            reason=order.reason,
            effect=f"order/{order.order_id}" if order.order_id else self._effect(action),
        )
        await workflow.execute_activity_method(
            MigrationActivities.record, record, summary=f"{action} by {order.actor}: to the audit log", **WRITE
        )

    def _effect(self, purpose: str) -> str:
        self.sequence += 1
        info = workflow.info()
        return f"{info.workflow_id}/{info.first_execution_run_id}/{self.sequence}/{purpose}"
