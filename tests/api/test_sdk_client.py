"""The SDK's own client against the API: the protocol as both sides wrote it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from crossfade.sdk import Client
from store import clients, runs, totals
from tests.api.conftest import SDK
from tests.builders import served_run

CONTEXT = {"targetingKey": "u-17"}
PATIENCE = 60.0


@pytest.fixture
async def client(address: str, engine: AsyncEngine, environment: str) -> AsyncIterator[Client]:
    """An application whose component `search` is live at 100 %."""
    async with engine.begin() as connection:
        await served_run(connection, "search", percentage=100, environment=environment)
    client = Client(address, SDK, client_id="app-1", refresh=0.1)
    await asyncio.to_thread(client.start, timeout=10)
    yield client
    await asyncio.to_thread(client.close)


async def until(client: Client, *, is_candidate: bool) -> None:
    async with asyncio.timeout(PATIENCE):
        while client.evaluate("search", CONTEXT).is_candidate is not is_candidate:
            await asyncio.to_thread(client.status)


async def test_a_client_serves_candidate_until_the_users_stop(client: Client, admin: httpx.AsyncClient) -> None:
    await until(client, is_candidate=True)

    stopped = await admin.post("/api/migration/emergency-stop")
    await until(client, is_candidate=False)

    assert client.status().connected
    assert client.status().revision >= stopped.json()["revision"]


async def test_a_client_that_seldom_asks_hears_of_the_stop(
    address: str, engine: AsyncEngine, environment: str, admin: httpx.AsyncClient
) -> None:
    async with engine.begin() as connection:
        await served_run(connection, "search", percentage=100, environment=environment)
    seldom = Client(address, SDK, client_id="app-2", refresh=600)
    await asyncio.to_thread(seldom.start, timeout=10)
    async with asyncio.timeout(PATIENCE):
        while not seldom.status().streaming:
            await asyncio.to_thread(seldom.status)

        stopped = await admin.post("/api/migration/emergency-stop")

        while seldom.status().revision < stopped.json()["revision"]:
            await asyncio.to_thread(seldom.status)
    await asyncio.to_thread(seldom.close)

    assert not seldom.is_enabled("search", CONTEXT)


async def test_what_a_client_counts_arrives_at_its_run(client: Client, engine: AsyncEngine, environment: str) -> None:
    await until(client, is_candidate=True)

    for _ in range(5):
        client.switch("search", CONTEXT, legacy=lambda: "old", candidate=lambda: "new")
    await asyncio.to_thread(client.close)

    async with engine.begin() as connection:
        (run,) = await runs.live(connection, environment)
        counted = await totals.totals(connection, run_ids=[run.id])
    assert {total.variant.value: total.requests for total in counted} == {"legacy": 0, "candidate": 5}


async def test_a_client_confirms_and_leaves(client: Client, engine: AsyncEngine, environment: str) -> None:
    await until(client, is_candidate=True)
    async with engine.begin() as connection:
        seen = await clients.list(connection, environment=environment)

    await asyncio.to_thread(client.close)

    async with engine.begin() as connection:
        assert await clients.list(connection, environment=environment) == ()
    assert [one.client_id for one in seen] == ["app-1"]
