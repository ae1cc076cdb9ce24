"""Telling another workflow while oneself is cancelled."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.workflows.stage import PATIENCE
from workflows.client import connect
from workflows.messages import Control
from workflows.pauses import signal

TELLERS = 24


@workflow.defn
class Teller:
    """Tells somebody who is not there, again and again, until it is cancelled."""

    @workflow.run
    async def run(self) -> str:
        """Give how it ended."""
        try:
            for _ in range(1000):
                await signal("nobody", "pause", Control(actor="ann", reason="nobody hears it"))
        except asyncio.CancelledError:
            return "cancelled"
        return "told"


async def cancelled(client: Client, task_queue: str, number: int) -> str:
    """How a teller ends that is cancelled at some moment between a signal and its failure."""
    teller = await client.start_workflow(
        Teller.run, id=f"teller/{uuid4()}", task_queue=task_queue, task_timeout=timedelta(seconds=2)
    )
    for _ in range(number % 8):
        await teller.describe()
    await teller.cancel()
    async with asyncio.timeout(PATIENCE):
        return await teller.result()


async def test_a_cancellation_beside_the_failure_of_a_signal_leaves_no_workflow_stuck(temporal: str) -> None:
    client = await connect({"TEMPORAL_ADDRESS": temporal}, lazy=False)
    queue = f"tellers-{uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[Teller], workflow_runner=UnsandboxedWorkflowRunner()):
        outcomes = [
            await asyncio.gather(*(cancelled(client, queue, number) for number in range(first, first + 6)))
            for first in range(0, TELLERS, 6)
        ]

    assert {outcome for each in outcomes for outcome in each} == {"cancelled"}
