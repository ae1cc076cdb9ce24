"""The airports, loaded once into the session's Postgres, and the components over them."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.component import Component
from examples.airports.components import build, search_fuzzy, search_simple_matching, utilities_ml_service
from examples.airports.components.search_fuzzy import CandidateSearch, LegacySearch
from examples.airports.database import create_engine, open_directory
from examples.airports.directory import Directory


@pytest.fixture(scope="session")
def directory(postgres_url: str) -> Directory:
    async def load() -> Directory:
        engine = create_engine(postgres_url)
        try:
            return await open_directory(engine)
        finally:
            await engine.dispose()

    return asyncio.run(load())


@pytest.fixture(scope="session")
def legacy_search(directory: Directory) -> LegacySearch:
    return LegacySearch(directory)


@pytest.fixture(scope="session")
def candidate_search(directory: Directory) -> CandidateSearch:
    return CandidateSearch(directory)


@pytest.fixture(scope="session")
def ready(directory: Directory) -> Sequence[Component]:
    """The components whose indexes and models take a second, made once."""
    return [module.build(directory) for module in (search_fuzzy, search_simple_matching, utilities_ml_service)]


@pytest.fixture
async def airports_engine(postgres_url: str, directory: Directory) -> AsyncIterator[AsyncEngine]:
    assert directory.airports, "the table is filled"
    engine = create_engine(postgres_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def components(
    airports_engine: AsyncEngine, directory: Directory, ready: Sequence[Component]
) -> AsyncIterator[Sequence[Component]]:
    built = build(airports_engine, directory, ready=ready)
    yield built
    for component in built:
        await component.close()
