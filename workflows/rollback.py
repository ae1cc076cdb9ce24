"""The ordered steps after a failover. Traffic is on legacy before the first of them runs."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.rollbacks import EndRollback, LoadedRollback, RollbackActivities, RollbackRef, RollbackStepOrder
from crossfade.states import RollbackState
from workflows.effects import STEP, WRITE
from workflows.messages import RollbackInput, rollout_id
from workflows.story import STATUS, describe_rollback


@workflow.defn
class Rollback:
    """One rollback; id `rollback/{environment}/{component}/{attempt}`, asked for twice it is the same one."""

    @workflow.init
    def __init__(self, order: RollbackInput) -> None:
        self.order = order
        self.progress: dict[str, str] = {}

    @workflow.run
    async def run(self, order: RollbackInput) -> RollbackState:
        """Run every step; one that fails is recorded and the next one runs."""
        ref = RollbackRef(environment=order.environment, rollback_id=order.rollback_id)
        rollback = await workflow.execute_activity_method(
            RollbackActivities.load, ref, summary="load the steps", **WRITE
        )
        self.progress = dict.fromkeys(rollback.steps, "pending")
        failed = [name for name in rollback.steps if not await self._step(rollback, name)]
        state = RollbackState.FAILED if failed else RollbackState.COMPLETED
        end = EndRollback(
            rollback_id=order.rollback_id,
            epoch=rollback.epoch,
            state=state,
            workflow_id=rollout_id(order.environment, rollback.component),
            detail=f"rolled back, but {', '.join(failed)} failed" if failed else "",
        )
        await workflow.execute_activity_method(RollbackActivities.finish, end, summary=f"rollback {state}", **WRITE)
        workflow.upsert_search_attributes([STATUS.value_set(state.value)])
        return state

    @workflow.query
    def state(self) -> dict[str, str]:
        """Say where each step stands."""
        return self.progress

    async def _step(self, rollback: LoadedRollback, name: str) -> bool:
        self._note(rollback, name, "running")
        step = RollbackStepOrder(
            environment=rollback.environment, rollback_id=rollback.rollback_id, epoch=rollback.epoch, name=name
        )
        try:
            detail = await workflow.execute_activity_method(RollbackActivities.step, step, summary=name, **STEP)
        except ActivityError as error:
            self._note(rollback, name, f"failed: {error.cause}")
            await workflow.execute_activity_method(
                RollbackActivities.step_failed, step, summary=f"{name} failed", **WRITE
            )
            return False
        self._note(rollback, name, f"done: {detail}" if detail else "done")
        return True

    def _note(self, rollback: LoadedRollback, name: str, progress: str) -> None:
        self.progress[name] = progress
        details = describe_rollback(
            rollback.component, rollback.reason, self.progress, from_percentage=rollback.from_percentage
        )
        workflow.set_current_details(details)
