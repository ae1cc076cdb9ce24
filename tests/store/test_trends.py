from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from crossfade.states import Variant
from crossfade.trends import SERIES, Measure
from store import dashboard, trends
from tests.metering import batch, begun, bucket, ingest, now, published, stepped, summary, times

CANDIDATE = Variant.CANDIDATE
MINUTE = timedelta(minutes=1)


def minute(ago: int) -> datetime:
    """The start of the minute so many minutes before this one."""
    return now().replace(second=0, microsecond=0) - ago * MINUTE


async def over_time(
    connection: AsyncConnection, *components: str, since: int = 10, **changes: Any
) -> list[Measure[int]]:
    stretch = {"since": minute(since), "until": minute(-1), "resolution": MINUTE, "environment": "test", **changes}
    found = await trends.over_time(connection, components=components, **stretch)
    return sorted(found, key=lambda measure: (measure.owner, measure.metric))


async def test_buckets_of_all_components_add_up_to_points(connection: AsyncConnection) -> None:
    search, errors = await published(connection), await published(connection, component="errors")
    await published(connection, component="other")
    start = minute(5)
    rows = [
        summary(revision=search, count=1, bucket=bucket(start)),
        summary(revision=search, count=2, bucket=bucket(start + timedelta(seconds=50))),
        summary(revision=errors, count=4, bucket=bucket(start), component="errors"),
        summary(revision=search, count=8, bucket=bucket(start + MINUTE)),
    ]
    await ingest(connection, batch(*rows))

    found = await over_time(connection, "search", "errors", "other")

    first, second = int(start.timestamp()), int((start + MINUTE).timestamp())
    assert found == [Measure(first, CANDIDATE, "requests", 7), Measure(second, CANDIDATE, "requests", 8)]
    assert [measure.total for measure in await over_time(connection, "errors")] == [4]
    assert await over_time(connection, "search", environment="elsewhere") == []
    assert [measure.total for measure in await over_time(connection, "search", since=4)] == [8]


async def test_histograms_come_in_a_row_and_of_a_gauge_the_highest_instance(connection: AsyncConnection) -> None:
    revision = await published(connection)
    at = bucket(minute(3))
    memory: dict[str, Any] = {"revision": revision, "bucket": at, "min": 0.0, "max": 1.0}
    rows = [
        times([5.0, 5.0], revision=revision, bucket=at),
        times([500.0], revision=revision, bucket=at + 10),
        summary("memoryUsage", 1, mean=0.9, instance="a", **memory),
        summary("memoryUsage", 3, mean=0.1, instance="a", **memory | {"bucket": at + 10}),
        summary("memoryUsage", 1, mean=0.4, instance="b", **memory),
    ]
    await ingest(connection, batch(*rows))

    memory_usage, response_time = await over_time(connection, "search")

    assert memory_usage.mean == pytest.approx(0.4)
    assert (response_time.total, len(response_time.histogram)) == (3, 12)


async def test_lately_counts_what_belongs_to_the_run_and_apart_by_component(connection: AsyncConnection) -> None:
    by_hand = await published(connection)
    run = await stepped(connection, await begun(connection))
    other = await published(connection, component="errors")
    assert run.revision is not None
    rows = [
        summary(revision=by_hand, count=1),
        summary(revision=run.revision, count=2),
        summary(revision=run.revision, count=4, bucket=bucket(minute(8))),
        summary(revision=other, count=8, component="errors"),
    ]
    await ingest(connection, batch(*rows))

    async def lately(**runs: Any) -> dict[str, int]:
        stretch = {"since": minute(5), "until": minute(-1)}
        found = await trends.lately(connection, environment="test", runs=runs, **stretch)
        return {measure.owner: measure.total for measure in found}

    assert await lately(search=run.id, errors=None) == {"search": 2, "errors": 8}
    assert await lately(search=None) == {"search": 1}


async def test_only_the_partitions_of_the_stretch_are_read(connection: AsyncConnection) -> None:
    await ingest(connection, batch(summary(revision=await published(connection))))
    explained = text(f"explain {trends._OVER_TIME.text}").bindparams(*trends._OVER_TIME._bindparams.values())
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    values = {"environment": "test", "components": ["search"], "metrics": list(SERIES), "resolution": MINUTE}

    plan = await connection.execute(explained, values | {"since": noon, "until": noon + timedelta(hours=1)})

    partitions = {word for (line,) in plan for word in line.split() if word.startswith("migration_metrics_2")}
    assert {word[:26] for word in partitions} == {f"migration_metrics_{noon:%Y%m%d}"}


async def test_what_is_read_at_one_instant_does_not_see_what_is_committed_meanwhile(engine: AsyncEngine) -> None:
    async with engine.begin() as reader:
        await dashboard.at_one_instant(reader)
        before = await dashboard.standing(reader, "test")
        async with engine.begin() as writer:
            revision = await published(writer)
        meanwhile = await dashboard.standing(reader, "test")
    async with engine.begin() as reader:
        after = await dashboard.standing(reader, "test")

    assert (before.revision, meanwhile.revision, after.revision) == (0, 0, revision)
    assert before.at < meanwhile.at
