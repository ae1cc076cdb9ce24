"""The way back of a rollout: begin the rollback in Postgres, then wait until its steps have ended."""

from datetime import timedelta
from decimal import Decimal

from temporalio import workflow

from activities.migrations import MigrationActivities, Stop
from activities.rollbacks import BeginRollback, RollbackActivities
from activities.rollouts import RolloutActivities
from crossfade.decisions import Act, Decision
from crossfade.states import ComponentStatus, RollbackTrigger, RunState
from workflows.effects import WRITE
from workflows.messages import ComponentNote, Control, RollBack, RolledBack, RolloutOutcome, RolloutResult
from workflows.pauses import signal
from workflows.rollout_orders import RolloutOrders
from workflows.story import STATUS, describe_rollout, rollout_attributes

LOOK_AGAIN = timedelta(seconds=15)  # how often the database is asked when a signal is due
ENDED = {
    RolloutOutcome.COMPLETED: ComponentStatus.COMPLETED,
    RolloutOutcome.ROLLED_BACK: ComponentStatus.ROLLED_BACK,
    RolloutOutcome.STOPPED: ComponentStatus.STOPPED,
}


class WayBack(RolloutOrders):
    """A rollout that can take its traffic back."""

    async def _roll_back(self, decision: Decision) -> RolloutResult:
        self.state.waits_for = "the rollback's steps"
        await self._describe(ComponentStatus.ROLLING_BACK)
        if self.state.stop is not None and self.state.rollback is None:
            stop = Stop(
                environment=self.order.environment,
                migration_id=self.order.migration_id,
                actor=self.state.stop.actor,
                reason=self.state.stop.reason,
            )
            await workflow.execute_activity_method(MigrationActivities.stop, stop, summary="emergency stop", **WRITE)
        elif self.state.rollback is None or self.state.rollback.rollback_id is None:
            await self._begin_rollback(decision)
        return await self._await_rollback()

    async def _begin_rollback(self, decision: Decision) -> None:
        asked = self.state.rollback
        validation = decision.rule.startswith("validation")
        reason = asked.reason if asked else self.state.validation_reason or decision.rule
        begin = BeginRollback(
            environment=self.order.environment,
            component=self.plan.name,
            run=self._run(),
            trigger=RollbackTrigger.VALIDATION if validation else RollbackTrigger.MANUAL,
            actor=asked.actor if asked else "crossfade",
            reason=reason,
            evidence=self.state.validation_evidence if validation else {},
        )
        begun = await workflow.execute_activity_method(RollbackActivities.begin, begin, summary="roll back", **WRITE)
        self.state.rollback = RollBack(actor=begin.actor, reason=reason, rollback_id=begun.rollback_id)

    async def _await_rollback(self) -> RolloutResult:
        while self.state.rolled_back is None:
            try:
                await workflow.wait_condition(
                    lambda: self.state.rolled_back is not None,
                    timeout=LOOK_AGAIN,
                    timeout_summary="waits for the rollback's steps",
                )
            except TimeoutError:
                view = await workflow.execute_activity_method(RolloutActivities.look, self._run(), **WRITE)
                if not view.state.is_live:
                    self.state.rolled_back = RolledBack(state=view.state)
        stopped = self.state.rolled_back.state == RunState.STOPPED
        reason = (self.state.rollback or self.state.stop or Control()).reason
        return RolloutResult(outcome=RolloutOutcome.STOPPED if stopped else RolloutOutcome.ROLLED_BACK, reason=reason)

    async def _compensate(self) -> RolloutResult:
        """A cancelled rollout takes its traffic back before it ends."""
        if not self.state.run_id:
            return RolloutResult(outcome=RolloutOutcome.REFUSED, reason="cancelled before it began")
        if self.state.rollback is None and self.state.stop is None:
            self.state.rollback = RollBack(actor="temporal", reason="the workflow was cancelled")
        return await self._roll_back(Decision(Act.ROLL_BACK, "cancelled"))

    def _close(self, result: RolloutResult) -> None:
        """Say on Temporal's page how it ended."""
        self.is_over = True
        self.state.status = ENDED.get(result.outcome, self.state.status)
        if result.outcome is not RolloutOutcome.COMPLETED:
            self.state.percentage = Decimal(0)
        self.state.waits_for = ""
        workflow.set_current_details(describe_rollout(self.plan, self.state))
        workflow.upsert_search_attributes([*rollout_attributes(self.state), STATUS.value_set(result.outcome.value)])

    async def _describe(self, status: ComponentStatus) -> None:
        if status is not self.state.status:
            self.state.status = status
            await self._tell_parent(status)
        workflow.set_current_details(describe_rollout(self.plan, self.state))
        workflow.upsert_search_attributes(rollout_attributes(self.state))

    async def _tell_parent(self, status: ComponentStatus) -> None:
        parent = workflow.info().parent
        if parent is None:
            return
        await signal(parent.workflow_id, "note_component", ComponentNote(component=self.plan.name, status=status))
