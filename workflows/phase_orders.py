"""What a phase is told and asked: its state with the signals, updates and the query that act on it."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.migrations import MigrationActivities, SetComponent
from crossfade.plan.resolved import ComponentPlan
from crossfade.states import ComponentStatus, PhaseStatus
from workflows.effects import WRITE
from workflows.messages import ComponentControl, ComponentNote, Control, PhaseInput, PhaseState, rollout_id

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
            component.name: ComponentStatus.COMPLETED if component.name in order.settled else ComponentStatus.PENDING
            for component in self.plan.components
        }
        self.ramps: dict[str, asyncio.Task[None]] = {}
        self.attempts: dict[str, int] = {}
        self.ended_at: dict[str, float] = {}
        self.paused = order.paused
        self.stop: Control | None = None
        self.aborted: Control | None = None
        self.resumed = 0
        self.version = 0
        self.sequence = 0

    @workflow.signal
    async def pause(self, order: Control) -> None:
        """Pause every rollout and start no other."""
        self.paused = True
        self.version += 1
        await self._tell_rollouts("pause", order)

    @workflow.signal
    async def resume(self, order: Control) -> None:
        """Go on; a failed gate is validated again."""
        self.paused = False
        self.resumed += 1
        self.version += 1
        await self._tell_rollouts("resume", order)

    @workflow.signal
    def emergency_stop(self, order: Control) -> None:
        """Start nothing more; the rollouts are stopped by themselves."""
        self.stop = self.stop or order
        self.version += 1

    @workflow.signal
    def abort(self, order: Control) -> None:
        """Roll back what is live and end."""
        self.aborted = self.aborted or order
        self.version += 1

    @workflow.signal
    def note_component(self, note: ComponentNote) -> None:
        """Take a rollout's news about itself."""
        if self.components.get(note.component) not in SETTLED | BACK:
            self.components[note.component] = note.status
            self.version += 1

    @workflow.update
    async def retry(self, order: ComponentControl) -> str:
        """Start a new run of a component that has rolled back, after its cool-down and with attempts left."""
        await self._audit("retry", order)
        self.components[order.component] = ComponentStatus.PENDING
        self.version += 1
        if all(status not in BACK for status in self.components.values()):
            await self._tell_rollouts("resume", Control(actor=order.actor, reason=order.reason))
        return f"{order.component} starts again"

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
        await self._audit("skip", order)
        self.components[order.component] = ComponentStatus.SKIPPED
        self.version += 1
        return f"{order.component} is skipped"

    @skip.validator
    def _check_skip(self, order: ComponentControl) -> None:
        status = self.components.get(order.component)
        if status not in BACK | {ComponentStatus.PENDING} or order.component in self.ramps:
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
        if self.components.get(order.component) not in BACK or not self._is_going:
            raise ApplicationError("only a rolled back component can be tried again", type="NotWaiting")
        return next(plan for plan in self.plan.components if plan.name == order.component)

    async def _audit(self, action: str, order: ComponentControl) -> None:
        change = SetComponent(
            migration_id=self.order.migration_id,
            component=order.component,
            status=ComponentStatus.SKIPPED if action == "skip" else ComponentStatus.PENDING,
            actor=order.actor,
            reason=order.reason,
            effect=self._effect(f"{action} {order.component}"),
        )
        await workflow.execute_activity_method(MigrationActivities.set_component, change, summary=action, **WRITE)

    async def _tell_rollouts(self, signal: str, order: Control) -> None:
        for name in list(self.ramps):
            handle = workflow.get_external_workflow_handle(rollout_id(self.order.environment, name))
            try:
                await handle.signal(signal, order)
            except ApplicationError:
                workflow.logger.info("the rollout of %s has ended already", name)

    def _effect(self, purpose: str) -> str:
        self.sequence += 1
        info = workflow.info()
        return f"{info.workflow_id}/{info.first_execution_run_id}/{self.sequence}/{purpose}"
