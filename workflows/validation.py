"""A validation that a person asked for."""

from datetime import timedelta

from temporalio import workflow

from activities.validations import CheckpointOutcome, CheckpointRef, ValidationActivities
from workflows.effects import WATCH
from workflows.messages import ValidationInput
from workflows.story import STATUS

TIMEOUT = timedelta(minutes=10)  # a person waits for it, and traffic may never come


@workflow.defn
class Validation:
    """Watches an opened checkpoint to its verdict; id `validation/{environment}/{checkpoint}`."""

    @workflow.run
    async def run(self, order: ValidationInput) -> CheckpointOutcome:
        """Give the verdict, which the checkpoint's row holds too."""
        outcome = await workflow.execute_activity_method(
            ValidationActivities.watch,
            CheckpointRef(
                environment=order.environment, validation_id=order.validation_id, timeout=TIMEOUT, samples_on=False
            ),
            summary=f"validates {order.component}",
            **WATCH,
        )
        workflow.upsert_search_attributes([STATUS.value_set(outcome.verdict.value)])
        workflow.set_current_details(f"### {order.component} · {outcome.verdict}\n\n{outcome.sentence}")
        return outcome
