"""The figures and trends of the dashboard are those of the samples that were posted."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.dashboard import TRENDS_LATE
from crossfade.states import Variant
from store.migrations import Migration
from tests.api.conftest import ADMIN, calling
from tests.builders import served_run
from tests.dashboards import DASHBOARD, bucket, half_way, report, revision_of, row, series, shown, times

METRICS = {"responseTime.p95", "errorRate", "memoryUsage", "connectionDropRate"}


@pytest.fixture
async def migration(engine: AsyncEngine, environment: str) -> Migration:
    return await half_way(engine, environment)


@pytest.mark.usefixtures("migration")
async def test_figures_of_a_component_are_what_was_reported_of_its_run(admin: httpx.AsyncClient) -> None:
    revision = await revision_of(admin, "search")
    await report(
        admin,
        row(revision, "requests", 100, minutes=2),
        row(revision, "requests", 50),
        row(revision, "errors", 3),
        row(revision, "connectionsOpened", 20),
        row(revision, "connectionsAbnormal", 1),
        row(revision, "memoryUsage", 2, mean=0.25, min=0.2, max=0.3, instance="a"),
        row(revision, "memoryUsage", 1, mean=0.75, min=0.7, max=0.8, instance="b"),
        times(revision, [10.0] * 90),
        times(revision, [500.0] * 10, minutes=2),
        row(revision, "requests", 40, variant="legacy"),
    )

    part = (await shown(admin))["components"][0]

    assert part["candidate"] == {
        "requests": 150,
        "errors": 3,
        "errorRate": 0.02,
        "p95Ms": pytest.approx(500, rel=0.01),
        "memoryUsage": 0.75,
        "connectionDropRate": 0.05,
    }
    assert part["legacy"] == {
        "requests": 40,
        "errors": 0,
        "errorRate": 0,
        "p95Ms": None,
        "memoryUsage": None,
        "connectionDropRate": None,
    }


async def test_figures_belong_to_the_present_run_and_the_last_five_minutes(
    admin: httpx.AsyncClient, migration: Migration, engine: AsyncEngine, environment: str
) -> None:
    former = await revision_of(admin, "search")
    await report(admin, row(former, "requests", 7), row(former, "errors", 7))
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "update runs set state = 'rolled_back', percentage = 0 where environment = :environment"
                " and component = 'search'"
            ),
            {"environment": environment},
        )
        await served_run(connection, "search", environment=environment, migration_id=migration.id)
    revision = await revision_of(admin, "search")
    await report(admin, row(revision, "requests", 5), row(revision, "requests", 9, minutes=8))

    document = await shown(admin)

    assert document["components"][0]["candidate"]["requests"] == 5
    assert document["components"][0]["candidate"]["errorRate"] == 0
    assert document["components"][0]["legacy"] is None
    assert sum(series(document, "errorRate").values()) == pytest.approx(7 / 12, rel=1e-5)


@pytest.mark.usefixtures("migration")
async def test_trends_merge_all_components_and_narrow_to_one(admin: httpx.AsyncClient) -> None:
    search, errors = await revision_of(admin, "search"), await revision_of(admin, "errors")
    other: dict[str, Any] = {"component": "errors"}
    at: dict[str, Any] = {"bucket": bucket(5)}
    await report(
        admin,
        row(search, "requests", 100, **at),
        row(search, "errors", 1, **at),
        row(errors, "requests", 300, **at, **other),
        row(errors, "errors", 7, **at, **other),
        times(search, [10.0] * 50, **at),
        times(errors, [1000.0] * 50, **at, **other),
        row(search, "memoryUsage", 1, mean=0.2, **at, instance="a"),
        row(errors, "memoryUsage", 1, mean=0.6, **at, instance="a", **other),
    )
    whole, one = await shown(admin), await shown(admin, component="search")

    assert [set(series(whole, metric)) for metric in ("errorRate", "responseTime.p95")] == [
        {datetime.fromtimestamp(at["bucket"] // 60 * 60, UTC)}
    ] * 2
    assert list(series(whole, "errorRate").values()) == [0.02]
    assert list(series(whole, "responseTime.p95").values()) == [pytest.approx(1000, rel=0.01)]
    assert list(series(whole, "memoryUsage").values()) == [0.6]
    assert list(series(one, "errorRate").values()) == [0.01]
    assert list(series(one, "responseTime.p95").values()) == [pytest.approx(10, rel=0.01)]
    assert list(series(one, "memoryUsage").values()) == [0.2]
    assert (whole["performance"]["component"], one["performance"]["component"]) == (None, "search")
    assert series(whole, "connectionDropRate") == series(whole, "errorRate", "legacy") == {}


@pytest.mark.parametrize(("window", "points", "seconds"), [("15m", 30, 30), ("1h", 60, 60), ("6h", 60, 360)])
@pytest.mark.usefixtures("migration")
async def test_each_window_has_its_points_without_holes_in_time(
    admin: httpx.AsyncClient, window: str, points: int, seconds: int
) -> None:
    performance = (await shown(admin, window=window))["performance"]

    assert performance["resolutionSeconds"] == seconds
    keys = [(each["metric"], each["variant"]) for each in performance["series"]]
    assert sorted(keys) == sorted((metric, variant) for metric in METRICS for variant in Variant)
    for each in performance["series"]:
        moments = [datetime.fromisoformat(at) for at, _ in each["points"]]
        assert len(moments) == points
        assert {later - earlier for earlier, later in pairwise(moments)} == {timedelta(seconds=seconds)}
        assert moments[0].isoformat() == performance["from"]


@pytest.mark.usefixtures("migration")
async def test_what_is_reported_between_two_looks_is_counted_once_and_late_samples_too(app: FastAPI) -> None:
    async with calling(app, ADMIN) as admin:
        revision = await revision_of(admin, "search")
        hub = app.state.services.hub
        hub.tick_seconds = 0.001  # each look is a tick of its own
        counted = []
        for number in range(1, 4):
            await report(admin, row(revision, "requests", 10), row(revision, "errors", number))
            counted.append(list(series(await shown(admin), "errorRate").values()))

    assert counted == [[0.1], [0.15], [0.2]]


@pytest.mark.usefixtures("migration")
async def test_a_look_within_the_same_tick_reads_nothing(app: FastAPI) -> None:
    app.state.services.hub.tick_seconds = 3600.0
    async with calling(app, ADMIN) as admin:
        first = await admin.get(DASHBOARD)
        again = await admin.get(DASHBOARD)
        other = await admin.get(DASHBOARD, params={"window": "15m"})

    assert first.content == again.content
    assert other.json()["generatedAt"] != first.json()["generatedAt"]
    assert first.headers["cache-control"] == "no-store"


async def test_trends_that_cannot_be_read_in_time_hide_nothing_else(
    admin: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("lock table migration_metrics in access exclusive mode"))
        blocked = await shown(admin)
    free = await shown(admin, window="15m")

    assert blocked["systemHealth"]["cause"] == TRENDS_LATE
    assert TRENDS_LATE not in free["systemHealth"]["issues"]
    assert {value for each in blocked["performance"]["series"] for _, value in each["points"]} == {None}
