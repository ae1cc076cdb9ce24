"""The stream of a real API, whose connections end and come back."""

import asyncio
from queue import SimpleQueue
from threading import enumerate as enumerate_threads

import pytest

from crossfade.control import AccessDenied, AsyncClient, Client, Dashboard, Invalid
from tests.api.conftest import ADMIN, SDK
from tests.builders import served_run, started_migration
from tests.crossfade.control.conftest import Api

PATIENCE = 30.0


def test_a_subscriber_sees_what_a_reader_reads_and_what_changes(api: Api, client: Client) -> None:
    called: SimpleQueue[Dashboard] = SimpleQueue()
    before = client.get_dashboard_data()

    unsubscribe = client.subscribe(called.put, interval=1.0)
    first = called.get(timeout=PATIENCE)
    migration = api.change(
        lambda connection: started_migration(connection, ("search",), name="seen", environment=api.environment)
    )
    api.change(
        lambda connection: served_run(
            connection, "search", percentage=50, environment=api.environment, migration_id=migration.id
        )
    )
    seen = first
    while (search := seen.component("search")) is None or search.percentage != 50:
        seen = called.get(timeout=PATIENCE)
    unsubscribe()

    assert before.environment == first.environment == api.environment
    assert first.migration is None
    assert seen.migration is not None
    assert (seen.migration.name, seen.migration.is_live) == ("seen", True)
    assert (search.status, search.phase, search.steps) == ("ramping", "phase-1", 3)
    assert seen.progress.components == 1
    assert [phase.components for phase in seen.phases] == [("search",)]
    assert not seen.system_health.healthy
    assert seen.alerts.total == sum(seen.alerts.by_severity.values()) == 0
    assert {trend["variant"] for trend in seen.performance["series"]} == {"legacy", "candidate"}
    assert seen.raw["systemHealth"]["status"] == seen.system_health.status


async def test_updates_end_when_nobody_asks_for_more(api: Api) -> None:
    async with AsyncClient(api.url, ADMIN) as client, asyncio.timeout(PATIENCE):
        revisions = []
        async for dashboard in client.updates(1):
            revisions.append(dashboard.revision)
            if len(revisions) == 2:
                break

    assert len(revisions) == 2


async def test_a_token_that_may_not_see_and_an_interval_that_is_too_long_end_the_updates(api: Api) -> None:
    async with AsyncClient(api.url, SDK) as client:
        with pytest.raises(AccessDenied):
            await anext(client.updates())
    async with AsyncClient(api.url, ADMIN) as client:
        with pytest.raises(Invalid):
            await anext(client.updates(60))


def test_closing_the_client_ends_its_subscriptions(api: Api) -> None:
    called: SimpleQueue[Dashboard] = SimpleQueue()

    with Client(api.url, ADMIN) as client:
        client.subscribe(called.put, interval=1.0)
        called.get(timeout=PATIENCE)

    assert [thread.name for thread in enumerate_threads() if thread.name == "crossfade-updates"] == []
