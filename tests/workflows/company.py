"""The real worker and relay that workflow tests share, and the environments that they play in."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from temporalio.service import RPCError

import worker
from store.engine import create_engine
from tests.workflows.stage import Company, Stage
from workflows.client import connect
from workflows.messages import monitor_id
from workflows.outbox import relay
from workflows.reconciler import Pace, reconcile

__all__ = ["Company", "company_at", "reconciled", "stage_of"]

TASK_QUEUE = "workflow-tests"
PACE = Pace(look=0.3, missing=0.5, lingering=1.5, deaf=3.0)


@asynccontextmanager
async def company_at(database_url: str, temporal: str, *, task_queue: str = TASK_QUEUE) -> AsyncIterator[Company]:
    """A worker on this database and this Temporal."""
    async with asyncio.timeout(30):
        client = await connect({"TEMPORAL_ADDRESS": temporal, "TEMPORAL_CONFIG_FILE": os.devnull}, lazy=False)
    engine = create_engine(database_url)
    stop = asyncio.Event()
    company = Company(engine=engine, client=client)
    built = worker.build(client, engine, company.targets, task_queue=task_queue, grace=timedelta(0))
    async with built, asyncio.TaskGroup() as tasks:
        tasks.create_task(relay(engine, client, stop, task_queue=task_queue))
        yield company
        stop.set()
    await engine.dispose()


@asynccontextmanager
async def stage_of(company: Company, environment: str, *, task_queue: str = TASK_QUEUE) -> AsyncIterator[Stage]:
    """An environment with its monitor and its traffic; `Stage` plays the API and the SDK by the store's functions."""
    stage = Stage(company, environment=environment)
    await worker.watch(company.client, environment, task_queue=task_queue)
    traffic = asyncio.create_task(stage.traffic.flow())
    yield stage
    traffic.cancel()
    with suppress(asyncio.CancelledError):
        await traffic
    for workflow in (monitor_id(environment), stage.migration().id):
        with suppress(RPCError):
            await company.client.get_workflow_handle(workflow).terminate()


@asynccontextmanager
async def reconciled(stage: Stage, *, task_queue: str = TASK_QUEUE) -> AsyncIterator[None]:
    """The reconciler of an environment, faster than life."""
    stop = asyncio.Event()
    looking = reconcile(stage.engine, stage.client, stage.environment, stop, task_queue=task_queue, pace=PACE)
    task = asyncio.create_task(looking)
    try:
        yield
    finally:
        stop.set()
        await task
