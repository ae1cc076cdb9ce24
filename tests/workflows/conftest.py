"""A stage for workflow tests: the real worker, relay and monitor on the real Temporal and Postgres."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

import worker
from tests.workflows.stage import Stage
from workflows.client import connect
from workflows.outbox import relay


@pytest.fixture
async def stage(engine: AsyncEngine, temporal: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Everything but the API and the SDK, which `Stage` plays by the store's own functions."""
    environment = f"test-{uuid4().hex[:8]}"
    profile = {"TEMPORAL_ADDRESS": temporal, "TEMPORAL_CONFIG_FILE": str(tmp_path / "none.toml")}
    client = await connect(profile, lazy=False)
    stop = asyncio.Event()
    stage = Stage(engine=engine, client=client, environment=environment, task_queue=environment)
    async with worker.build(client, engine, stage.targets, task_queue=environment), asyncio.TaskGroup() as tasks:
        tasks.create_task(relay(engine, client, stop, task_queue=environment))
        await worker.watch(client, environment, task_queue=environment)
        traffic = tasks.create_task(stage.traffic.flow())
        yield stage
        stop.set()
        traffic.cancel()
