"""What a phase is told and asked: its state with the signals, updates and the query that act on it."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.migrations import MigrationActivities, RecordOrder, SetComponent
from crossfade.plan.resolved import ComponentPlan
from crossfade.states import ComponentStatus, PhaseStatus
from workflows.effects import WRITE
from workflows.messages import (
    ComponentControl,
    ComponentNote,
    Control,
    PauseLevel,
    PhaseInput,
    PhaseState,
    TakenBack,
)
from workflows.pauses import Pauses, is_new

SETTLED = {ComponentStatus.COMPLETED, ComponentStatus.SKIPPED}
BACK = {ComponentStatus.ROLLED_BACK, ComponentStatus.STOPPED}


class PhaseOrders:
    """The state of one phase and everything that may change it from outside."""

    def __init__(self, order: PhaseInput) -> None:
        self.order = order
        self.plan = order.phase
        self.status = PhaseStatus.PENDING
        self.detail = ""
        self.components = {
            component.name: (
                ComponentStatus.COMPLETED
                if component.name in order.settled
                else order.decided.get(component.name, ComponentStatus.PENDING)
            )
            for component in self.plan.components
        }
        self.ramps: dict[str, asyncio.Task[None]] = {}
        self.attempts = dict(order.attempts)
        self.ended_at = dict.fromkeys(order.decided, workflow.time())
        self.pauses = Pauses(order.pauses)
        self.stop: Control | None = None
        self.aborted: Control | None = None
        self.taken_back_now: list[TakenBack] = []
        self.deciding: set[str] = set()
        self.orders: list[str] = []
        self.resumed = 0
        self.version = 0
        self.sequence = 0

    @workflow.signal
    async def pause(self, order: Control) -> None:
        """Pause every rollout and start no other."""
        if is_new(order, self.orders):
            self.pauses.begin(order.level or PauseLevel.PHASE, order)
            self.version += 1
            await self.pauses.share()
            await self._record("pause", order)

    @workflow.signal
    async def resume(self, order: Control) -> None:
        """Go on; a failed gate is validated again. What a person paused for one component only stays paused."""
        if is_new(order, self.orders):
            self.pauses.lift(order.level or PauseLevel.PHASE)
            self.resumed += 1
            self.version += 1
            await self.pauses.share()
            await self._record("resume", order)

    @workflow.signal
    def emergency_stop(self, order: Control) -> None:
        """Every component of the migration to legacy, at once; the phase has failed."""
        self.stop = self.stop or order
        self.version += 1

    @workflow.signal
    async def abort(self, order: Control) -> None:
        """Roll back what is live and end."""
        if is_new(order, self.orders) and self.aborted is None:
            self.aborted = order
            self.version += 1
            await self._record("abort", order)

    @workflow.signal
    def note_component(self, note: ComponentNote) -> None:
        """Take a rollout's news about itself."""
        if self.components.get(note.component) not in SETTLED | BACK:
            self.components[note.component] = note.status
            self.version += 1

    @workflow.signal
    def taken_back(self, news: TakenBack) -> None:
        """Take the news that a completed component was rolled back."""
        self.taken_back_now.append(news)
        self.version += 1

    @workflow.update
    async def retry(self, order: ComponentControl) -> str:
        """Start a new run of a component whose rollback has ended, after its cool-down and with attempts left."""
        await self._decide("retry", order, ComponentStatus.PENDING)
        others = [name for name, status in self.components.items() if status in BACK]
        when = f" once {', '.join(others)} is retried or skipped" if others and self.pauses else ""
        return f"{order.component} starts again{when}"

    @retry.validator
    def _check_retry(self, order: ComponentControl) -> None:
        plan = self._back(order)
        if self.attempts.get(plan.name, 0) >= plan.rollback.max_attempts:
            raise ApplicationError(f"{plan.name} has no attempt left: skip it or abort", type="NoAttemptLeft")
        left = self.ended_at.get(plan.name, 0.0) + plan.rollback.cooldown.total_seconds() - workflow.time()
        if left > 0:
            raise ApplicationError(f"{plan.name} cools down for another {left:.0f} s", type="CoolingDown")

    @workflow.update
    async def skip(self, order: ComponentControl) -> str:
        """Leave a component on legacy and count it as settled."""
        await self._decide("skip", order, ComponentStatus.SKIPPED)
        return f"{order.component} is skipped"

    @skip.validator
    def _check_skip(self, order: ComponentControl) -> None:
        status = self.components.get(order.component)
        is_busy = order.component in self.ramps or order.component in self.deciding
        if status not in BACK | {ComponentStatus.PENDING} or is_busy:
            raise ApplicationError(
                f"only a pending or rolled back component can be skipped; it is {status}", type="NotWaiting"
            )
        if not order.reason.strip():
            raise ApplicationError("skipping needs a reason", type="ReasonRequired")

    @workflow.query
    def state(self) -> PhaseState:
        """Say where the phase stands."""
        return PhaseState(status=self.status, detail=self.detail, components=dict(self.components))

    @property
    def _is_going(self) -> bool:
        return self.stop is None and self.aborted is None

    def _back(self, order: ComponentControl) -> ComponentPlan:
        is_busy = order.component in self.ramps or order.component in self.deciding
        if self.components.get(order.component) not in BACK or is_busy or not self._is_going:
            raise ApplicationError("only a rolled back component can be tried again", type="NotWaiting")
        return next(plan for plan in self.plan.components if plan.name == order.component)

    async def _decide(self, action: str, order: ComponentControl, status: ComponentStatus) -> None:
        """Give a component another status; its siblings go on once none is left that has rolled back."""
        self.deciding.add(order.component)
        try:
            await self._audit(action, order, status)
        finally:
            self.deciding.discard(order.component)
        self.components[order.component] = status
        if all(status not in BACK for status in self.components.values()):
            self.pauses.lift(PauseLevel.ROLLBACK)
        self.version += 1
        await self.pauses.share()

    async def _audit(self, action: str, order: ComponentControl, status: ComponentStatus) -> None:
        change = SetComponent(
            migration_id=self.order.migration_id,
            component=order.component,
            status=status,
            actor=order.actor,
            reason=order.reason,
            effect=self._effect(f"{action} {order.component}"),
        )
        await workflow.execute_activity_method(
            MigrationActivities.set_component, change, summary=f"{action} {order.component}", **WRITE
        )

    async def _record(self, action: str, order: Control) -> None:
        """Write a person's order for this phase into the audit, once; the migration's are in its own."""
        if order.level is not None:
            return
        record = RecordOrder(
            migration_id=self.order.migration_id,
            phase=self.plan.name,
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
