"""A rollout that looks at the database before it begins: what a careless change of a workflow is like."""

from temporalio import workflow

from activities.rollouts import RolloutActivities
from workflows import rollout
from workflows.effects import WRITE
from workflows.messages import RolloutInput, RolloutResult


@workflow.defn
class Rollout(rollout.Rollout):
    """The same workflow with one activity more at its start."""

    @workflow.init
    def __init__(self, order: RolloutInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: RolloutInput) -> RolloutResult:
        """Look first, then ramp."""
        await workflow.execute_activity_method(RolloutActivities.look, self._run(), **WRITE)
        return await super().run(order)
