"""A machine that is busy for seconds is no deadlock of a workflow."""

import os
import time
from uuid import uuid4

from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.worker import Worker

from worker import endure_stalls
from workflows.client import connect

STALL = 2.5  # seconds; after 2 the SDK interrupts the thread


@workflow.defn(sandboxed=False)
class Stalled:
    """A workflow whose thread stands still, as on a machine that is busy."""

    @workflow.run
    async def run(self) -> str:
        """Stand still once."""
        time.sleep(STALL)  # noqa: ASYNC251 - this is what happens to it
        return "ended"


async def test_a_thread_that_stands_still_for_seconds_is_not_interrupted(temporal: str) -> None:
    client = await connect({"TEMPORAL_ADDRESS": temporal, "TEMPORAL_CONFIG_FILE": os.devnull}, lazy=False)
    name = f"stalled-{uuid4().hex[:8]}"
    built = Worker(client, task_queue=name, workflows=[Stalled])
    endure_stalls(built)
    async with built:
        handle = await client.start_workflow(Stalled.run, id=name, task_queue=name)
        assert await handle.result() == "ended"
        seen = [event.event_type async for event in handle.fetch_history_events()]
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in seen
