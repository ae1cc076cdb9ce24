"""A stage for workflow tests: one real worker, relay, Temporal and Postgres, and an environment for each test."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.workflows.company import Company, company_at, stage_of
from tests.workflows.stage import Stage


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The worker lives as long as the session, so its tests share the session's event loop."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def company(workflow_database: str, temporal: str) -> AsyncIterator[Company]:
    """The worker with everything that it needs."""
    async with company_at(workflow_database, temporal) as company:
        yield company


@pytest_asyncio.fixture(loop_scope="session")
async def stage(company: Company) -> AsyncIterator[Stage]:
    """An environment with its monitor and its traffic."""
    async with stage_of(company, f"test-{uuid4().hex[:8]}") as stage:
        yield stage
