"""The dashboard and the orchestrator, by the client that operators script with (`make test-dashboard`)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from threading import Event

import pytest_asyncio

from crossfade.control import AsyncClient, Client
from crossfade.control.views import Dashboard
from tests.api.conftest import ADMIN
from tests.suites.house import LONG, PATIENCE, RAMP, House, plan

TWO_PHASES = """
  - {name: first, components: [{name: one}]}
  - {name: second, dependsOn: [first], components: [{name: two}, {name: three, dependsOn: [two]}]}
"""


@pytest_asyncio.fixture(loop_scope="module")
async def client(house: House) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(house.address, ADMIN) as client:
        yield client


async def test_everything_is_healthy(house: House, client: AsyncClient) -> None:
    health = await house.until(client.health_check, lambda seen: seen.healthy)

    assert health.issues == ()


async def test_a_migration_runs_its_phases_in_order_while_a_subscriber_watches(client: AsyncClient) -> None:
    started = await client.start_migration(plan("watched", TWO_PHASES, steps=RAMP))
    seen = await watch(client, lambda dashboard: is_over(dashboard, started.id))
    end = seen[-1]

    assert end.migration is not None
    assert (end.migration.status, end.progress.percentage) == ("completed", 100)
    assert {phase.status for phase in end.phases} == {"completed"}
    first, second = end.phases
    assert first.finished_at is not None
    assert second.started_at is not None
    assert first.finished_at <= second.started_at
    shares = [share(dashboard, "one") for dashboard in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    for dashboard in seen:  # what depends on another begins after it, whenever one looks
        assert share(dashboard, "three") == 0 or share(dashboard, "two") == 100


async def test_the_dashboard_has_both_sides_trends_and_history(house: House, client: AsyncClient) -> None:
    dashboard = await house.until(client.get_dashboard_data, lambda seen: seen.system_health.healthy)
    series = {(one["metric"], one["variant"]): one["points"] for one in dashboard.performance["series"]}
    counted = dashboard.component("one")

    assert dashboard.system_health.status == "healthy"
    assert dashboard.alerts.total == sum(dashboard.alerts.by_severity.values()) == 0
    for metric in ("responseTime.p95", "errorRate"):
        for variant in ("legacy", "candidate"):
            assert any(value is not None for _, value in series[metric, variant])
    assert counted is not None
    assert counted.candidate is not None
    assert counted.candidate.requests > 0


async def test_a_callback_gets_updates_until_it_unsubscribes(house: House) -> None:
    twice, calls = Event(), list[Dashboard]()

    def updated(dashboard: Dashboard) -> None:
        calls.append(dashboard)
        if len(calls) == 2:
            twice.set()

    with Client(house.address, ADMIN) as client:
        unsubscribe = client.subscribe(updated, interval=1.0)
        assert await asyncio.to_thread(twice.wait, PATIENCE)
        await asyncio.to_thread(unsubscribe)
        known = len(calls)
        dashboard = await asyncio.to_thread(client.get_dashboard_data)

    assert all(call.migration is not None and call.migration.status == "completed" for call in calls)
    assert dashboard.generated_at >= calls[-1].generated_at
    assert len(calls) == known


async def test_a_gradual_rollout_by_hand_is_served_at_once(house: House, client: AsyncClient) -> None:
    flag = await client.enable_gradual_rollout("by-hand", 25)
    enabled = await house.until(lambda: enabled_users(house, "by-hand"), lambda seen: seen > 0)

    assert (flag.enabled, flag.served_percentage) == (True, 25)
    assert 0.2 < enabled / 1000 < 0.3


async def test_a_rollback_shows_with_its_reason_and_degrades_nothing_else(house: House, client: AsyncClient) -> None:
    await client.start_migration(plan("harmful", "  - {name: only, components: [{name: four}]}", steps=LONG))
    await house.until_component("four", lambda seen: seen["percentage"] == 50 and seen["verdict"] == "pass")
    house.application.failing.add("four")
    await house.until_component("four", lambda seen: seen["status"] == "rolled_back")
    dashboard = await client.get_dashboard_data()
    rollback = next(one for one in dashboard.rollbacks if one["component"] == "four")

    assert rollback["trigger"] == "threshold"
    assert "errorRate" in rollback["reason"]
    assert dashboard.progress.rolled_back == 1
    assert share(dashboard, "four") == 0
    assert house.application.ask("by-hand", "ann") == "right"


async def test_an_emergency_stop_disables_every_flag_and_fails_the_migration(house: House, client: AsyncClient) -> None:
    started = await client.start_migration(plan("stopped", "  - {name: only, components: [{name: five}]}", steps=LONG))
    await house.until_component("five", lambda seen: seen["percentage"] == 50)
    stopped = await client.emergency_stop("the whole site burns")
    flags = await client.flags()
    await house.until(lambda: house.get(f"migrations/{started.id}"), lambda seen: seen["status"] == "failed")
    await house.until_component("five", lambda seen: seen["status"] == "stopped")
    dashboard = await client.get_dashboard_data(started.id)
    await client.release_stop("the fire is out")

    assert stopped.is_proven
    assert {(flag.enabled, flag.served_percentage) for flag in flags} == {(False, 0)}
    assert dashboard.migration is not None
    assert "burns" in (dashboard.migration.reason or "")
    assert {phase.status for phase in dashboard.phases} == {"failed"}


async def watch(client: AsyncClient, is_last: Callable[[Dashboard], bool]) -> list[Dashboard]:
    """Every update up to the one that is wanted."""
    seen = []
    async with asyncio.timeout(PATIENCE):
        async for dashboard in client.updates(interval=1.0):
            seen.append(dashboard)
            if is_last(dashboard):
                return seen
    raise AssertionError(seen)


def is_over(dashboard: Dashboard, migration: str) -> bool:
    shown = dashboard.migration
    return shown is not None and shown.id == migration and not shown.is_live


def share(dashboard: Dashboard, component: str) -> float:
    shown = dashboard.component(component)
    return shown.percentage if shown else 0.0


async def enabled_users(house: House, flag: str) -> int:
    users = [{"targetingKey": f"u-{number}"} for number in range(1000)]
    return sum(await asyncio.to_thread(lambda: [house.application.client.is_enabled(flag, user) for user in users]))
