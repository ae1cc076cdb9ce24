from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from store import compaction, metrics
from store.runs import Run
from tests.metering import batch, begun, ingest, now, rows, stepped, summary, times

TEN = timedelta(seconds=10)


def slot(width: timedelta = TEN) -> Any:
    moment = now()
    return moment - timedelta(seconds=moment.timestamp() % width.total_seconds())


async def compacted(connection: AsyncConnection, width: timedelta = TEN, **changes: Any) -> int:
    start = slot(width)
    span: dict[str, Any] = {"since": start - 2 * width, "before": start + 2 * width, "width": width, **changes}
    return await compaction.compact(connection, series_ids=await compaction.series(connection), **span)


async def reported(connection: AsyncConnection) -> Run:
    run = await stepped(connection, await begun(connection))
    where: dict[str, Any] = {"revision": run.revision, "bucket": int(slot().timestamp())}
    for client in range(3):
        gauge = summary("memoryUsage", 2, mean=0.1 * client, instance=f"client-{client}", **where)
        taken = times([10.0 * (client + 1), 20.0], **where)
        await ingest(connection, batch(summary(count=7, **where), taken, gauge))
    return run


async def test_what_is_added_up_stays_the_same(connection: AsyncConnection) -> None:
    run = await reported(connection)
    before = await metrics.totals(connection, run_ids=[run.id])
    many = len(await rows(connection))
    assert await compacted(connection) > 0
    assert await metrics.totals(connection, run_ids=[run.id]) == before
    assert len(await rows(connection)) < many


async def test_partial_rows_become_one_with_their_moments(connection: AsyncConnection) -> None:
    run = await stepped(connection, await begun(connection))
    where: dict[str, Any] = {"revision": run.revision, "instance": "a", "bucket": int(slot().timestamp())}
    # 1, 2, 3 and 10, 20: together 36 / 5 = 7.2, with a sum of squared deviations of 254.8.
    for count, mean, m2, low, high in ((3, 2.0, 2.0, 1.0, 3.0), (2, 15.0, 50.0, 10.0, 20.0)):
        await ingest(connection, batch(summary("load", count, mean=mean, m2=m2, min=low, max=high, **where)))
    newest = max(row.ingested_at for row in await rows(connection))
    assert await compacted(connection) == 2
    (row,) = await rows(connection)
    assert (row.count, row.min, row.max, row.instance, row.ingested_at) == (5, 1.0, 20.0, "a", newest)
    assert (row.mean, row.m2) == pytest.approx((7.2, 254.8))


async def test_rows_of_other_revisions_instances_and_slots_stay_apart(connection: AsyncConnection) -> None:
    run = await begun(connection)
    first = await stepped(connection, run)
    second = await stepped(connection, first, step=2)
    at = int(slot().timestamp())
    for revision, instance, bucket in (
        (first.revision, "a", at),
        (second.revision, "a", at),
        (first.revision, "b", at),
        (first.revision, "a", at - 10),
    ):
        await ingest(connection, batch(summary("load", 1, revision=revision or 0, instance=instance, bucket=bucket)))
    assert await compacted(connection) == 0
    assert len(await rows(connection)) == 4


async def test_compacting_again_changes_nothing_and_takes_late_rows_in(connection: AsyncConnection) -> None:
    run = await stepped(connection, await begun(connection))
    where: dict[str, Any] = {"revision": run.revision, "bucket": int(slot().timestamp())}
    for count in (5, 6):
        await ingest(connection, batch(summary(count=count, **where)))
    assert [await compacted(connection) for _ in range(2)] == [2, 0]
    await ingest(connection, batch(summary(count=7, **where)))
    assert await compacted(connection) == 2
    assert [row.count for row in await rows(connection)] == [18]


async def test_rows_outside_the_span_and_those_with_details_stay(connection: AsyncConnection) -> None:
    run = await stepped(connection, await begun(connection))
    where: dict[str, Any] = {"revision": run.revision, "bucket": int(slot().timestamp())}
    for _ in range(2):
        await ingest(
            connection, batch(summary(count=1, **where), summary("mismatches", 1, details={"$.a": 1}, **where))
        )
    assert await compacted(connection, before=slot() - TEN) == 0
    assert await compacted(connection) == 2
    assert sorted(row.details is None for row in await rows(connection)) == [False, False, True]


async def test_an_hour_of_slots_becomes_one(connection: AsyncConnection) -> None:
    hour = timedelta(hours=1)
    run = await stepped(connection, await begun(connection))
    at = int(slot().timestamp())
    for count in (1, 2, 3):
        await ingest(connection, batch(summary(count=count, revision=run.revision or 0, bucket=at)))
    spread = "date_bin('1 hour', bucket, 'epoch') + make_interval(mins => count::integer * 10)"
    await connection.execute(text(f"update migration_metrics set bucket = {spread}"))
    assert await compacted(connection, hour) == 3
    (row,) = await rows(connection)
    assert (row.count, row.bucket.minute, row.bucket.second) == (6, 0, 0)


async def test_nobody_compacts_while_another_does(engine: Any) -> None:
    async with engine.begin() as connection:
        run = await stepped(connection, await begun(connection))
        for _ in range(2):
            await ingest(
                connection, batch(summary(count=1, revision=run.revision or 0, bucket=int(slot().timestamp())))
            )
    async with engine.begin() as one, engine.begin() as other:
        assert await compacted(one) == 2
        assert await compacted(other) == 0


async def test_ids_of_batches_that_cannot_come_again_are_forgotten(connection: AsyncConnection) -> None:
    run = await stepped(connection, await begun(connection))
    await ingest(connection, batch(summary(count=1, revision=run.revision or 0)))
    ages = {"two days": timedelta(days=2), "four days": timedelta(days=4)}
    copied = (
        "insert into ingest_batches select :id, day, :name, digest, answer, received_at from ingest_batches limit 1"
    )
    for name, age in ages.items():
        made_at = UUID(int=int((now() - age).timestamp() * 1000) << 80)
        await connection.execute(text(copied), {"id": made_at, "name": name})
    assert [await metrics.forget_batches(connection, limit=10) for _ in range(2)] == [1, 0]
    left = (await connection.execute(text("select environment from ingest_batches"))).scalars().all()
    assert sorted(left) == ["test", "two days"]
