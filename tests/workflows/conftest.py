"""A stage for workflow tests: one real worker, relay, Temporal and Postgres, and an environment for each test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.service import RPCError

import worker
from store.engine import create_engine
from tests.workflows.stage import Company, Stage
from workflows.client import connect
from workflows.messages import monitor_id
from workflows.outbox import relay

TASK_QUEUE = "workflow-tests"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The worker lives as long as the session, so its tests share the session's event loop."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def company(
    committed_database: str, temporal: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Company]:
    """The worker with everything that it needs."""
    no_file = tmp_path_factory.mktemp("temporal") / "none.toml"
    client = await connect({"TEMPORAL_ADDRESS": temporal, "TEMPORAL_CONFIG_FILE": str(no_file)}, lazy=False)
    engine = create_engine(committed_database)
    stop = asyncio.Event()
    company = Company(engine=engine, client=client)
    build = worker.build(client, engine, company.targets, task_queue=TASK_QUEUE, grace=timedelta(0))
    async with build, asyncio.TaskGroup() as tasks:
        tasks.create_task(relay(engine, client, stop, task_queue=TASK_QUEUE))
        yield company
        stop.set()
    await engine.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def stage(company: Company) -> AsyncIterator[Stage]:
    """An environment with its monitor and its traffic; `Stage` plays the API and the SDK by the store's functions."""
    stage = Stage(company, environment=f"test-{uuid4().hex[:8]}")
    await worker.watch(company.client, stage.environment, task_queue=TASK_QUEUE)
    traffic = asyncio.create_task(stage.traffic.flow())
    yield stage
    traffic.cancel()
    with suppress(asyncio.CancelledError):
        await traffic
    for workflow in [monitor_id(stage.environment), stage.migration().id]:
        with suppress(RPCError):
            await company.client.get_workflow_handle(workflow).terminate()
