"""One house for each suite."""

import os
from collections.abc import AsyncIterator, Iterator
from inspect import iscoroutinefunction
from pathlib import Path

import pytest
import pytest_asyncio

import local.temporal
from tests.conftest import clone
from tests.suites.house import House, house_at


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The worker lives as long as its suite, so the suite's tests share an event loop."""
    for item in items:
        is_async = isinstance(item, pytest.Function) and iscoroutinefunction(item.obj)
        if is_async and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest.fixture(scope="module")
def own_temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server whose task queue no other test's worker polls."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    with local.temporal.serve(tmp_path_factory.mktemp("temporal"), environ, has_page=False) as server:
        yield server.environment


@pytest.fixture(scope="module")
def own_database(postgres_url: str, template_database: str) -> Iterator[str]:
    """A database that no other test's relay reads."""
    yield from clone(postgres_url, template_database, "suite")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(own_database: str, own_temporal: dict[str, str]) -> AsyncIterator[House]:
    """Everything, for the suite."""
    async with house_at(own_database, own_temporal) as house:
        yield house
