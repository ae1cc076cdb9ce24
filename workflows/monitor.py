"""The watch over every live run of an environment: one long activity, started again whenever it ends."""

from datetime import timedelta

from temporalio import workflow

from activities.monitor import MonitorActivities
from workflows.effects import WRITE
from workflows.messages import MonitorInput

LIVES_BY = timedelta(seconds=2)


@workflow.defn
class Monitor:
    """Judges all active components each second; id `monitor/{environment}`; nobody's child."""

    @workflow.run
    async def run(self, order: MonitorInput) -> None:
        """Keep the judging activity alive for ever."""
        while True:
            await workflow.execute_activity_method(
                MonitorActivities.monitor,
                order.environment,
                start_to_close_timeout=timedelta(days=1),
                heartbeat_timeout=LIVES_BY,
                retry_policy=WRITE["retry_policy"],
                summary="judges all active components",
            )
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(order)
