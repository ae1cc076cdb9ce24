"""A validation that a person asked for."""

from temporalio import workflow

from activities.validations import CheckpointOutcome, CheckpointRef, ValidationActivities
from workflows.effects import WATCH
from workflows.messages import ValidationInput


@workflow.defn
class Validation:
    """Watches an opened checkpoint to its verdict; id `validation/{environment}/{checkpoint}`."""

    @workflow.run
    async def run(self, order: ValidationInput) -> CheckpointOutcome:
        """Give the verdict, which the checkpoint's row holds too."""
        return await workflow.execute_activity_method(
            ValidationActivities.watch,
            CheckpointRef(checkpoint_id=order.validation_id),
            summary=f"validates {order.component}",
            **WATCH,
        )
