import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from crossfade import histogram
from crossfade.errors import BatchConflict, InvalidBatch
from crossfade.intake import Dropped
from crossfade.samples import Key, Measured, Span
from crossfade.states import Variant
from crossfade.subjects import Subject, span
from crossfade.wire import Point
from store import control, metrics, runs
from store.metrics import IngestResult
from store.tables import ingest_batches, metric_series, migration_metrics
from tests.metering import batch, begun, bucket, ingest, now, published, rows, stepped, summary, times

LEGACY, CANDIDATE = Variant.LEGACY, Variant.CANDIDATE

# -- ingest


async def test_a_batch_is_counted_with_the_run_and_step_of_its_revision(connection: AsyncConnection) -> None:
    run = await stepped(connection, await begun(connection))
    assert run.revision is not None
    one = batch(summary(revision=run.revision), summary(revision=run.revision - 1, count=3))
    assert await ingest(connection, one) == IngestResult(one.batchId, 2, ())
    counted = {(row.run_id, row.step, row.epoch): row.count for row in await rows(connection)}
    assert counted == {(run.id, 1, run.epoch): 10, (run.id, 0, run.epoch): 3}


async def test_the_same_batch_again_counts_nothing_and_repeats_the_answer(connection: AsyncConnection) -> None:
    revision = await published(connection)
    one = batch(summary(revision=revision), summary(revision=999))
    first = await ingest(connection, one)
    again = await ingest(connection, replace(one, sentAt=one.sentAt + 5))
    assert first.dropped == (Dropped(1, "unknown revision"),)
    assert again == replace(first, duplicate=True)
    assert len(await rows(connection)) == 1


async def test_the_same_id_with_other_content_is_a_conflict(connection: AsyncConnection) -> None:
    revision = await published(connection)
    one = batch(summary(revision=revision))
    await ingest(connection, one)
    with pytest.raises(BatchConflict):
        await ingest(connection, replace(one, summaries=(summary(revision=revision, count=11),)))
    with pytest.raises(BatchConflict):
        await ingest(connection, one, environment="elsewhere")
    assert len(await rows(connection)) == 1


async def test_a_batch_sent_in_parallel_is_counted_once(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        revision = await published(connection)
    one = batch(summary(revision=revision))

    async def send() -> IngestResult:
        async with engine.begin() as connection:
            return await ingest(connection, one)

    answers = await asyncio.gather(*(send() for _ in range(8)))
    assert sorted(answer.duplicate for answer in answers) == [False] + [True] * 7
    async with engine.connect() as connection:
        assert (await connection.execute(select(func.sum(migration_metrics.c.count)))).scalar_one() == 10


async def test_batches_that_declare_the_same_series_in_parallel_are_all_counted(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        revision = await published(connection)
    names = ["requests", "errors", "fallbacks", "comparisons", "memoryUsage"]

    async def send(metrics: Sequence[str]) -> None:
        async with engine.begin() as connection:
            await ingest(connection, batch(*(summary(metric, 1, revision=revision) for metric in metrics)))

    await asyncio.gather(*(send(names if turn % 2 else names[::-1]) for turn in range(8)))
    async with engine.connect() as connection:
        assert (await connection.execute(select(func.count()).select_from(metric_series))).scalar_one() == 5
        assert (await connection.execute(select(func.count()).select_from(migration_metrics))).scalar_one() == 40


async def test_a_transaction_that_is_undone_leaves_no_series_behind(engine: AsyncEngine) -> None:
    """Its ids must not stay in the cache either: the next batch would point at nothing."""
    async with engine.begin() as connection:
        revision = await published(connection)
    for _ in range(2):
        async with engine.connect() as connection:
            await ingest(connection, batch(summary(revision=revision)))
            await ingest(connection, batch(summary(revision=revision)))
            await connection.rollback()
    async with engine.begin() as connection:
        await ingest(connection, batch(summary(revision=revision)))
    async with engine.begin() as connection:
        await ingest(connection, batch(summary(revision=revision)))
        joined = select(func.count()).select_from(
            migration_metrics.join(metric_series, metric_series.c.id == migration_metrics.c.series_id)
        )
        assert (await connection.execute(joined)).scalar_one() == 2


async def test_a_refused_batch_leaves_nothing(connection: AsyncConnection) -> None:
    revision = await published(connection)
    one = batch(summary(revision=revision), summary("memoryUsage", 1, revision=revision, mean=float("nan")))
    with pytest.raises(InvalidBatch):
        await ingest(connection, one)
    assert (await connection.execute(select(func.count()).select_from(ingest_batches))).scalar_one() == 0
    assert await rows(connection) == []


async def test_rows_of_unknown_revisions_and_components_are_dropped_and_listed(connection: AsyncConnection) -> None:
    revision = await published(connection)
    other = await published(connection, component="other")
    foreign = await published(connection, environment="elsewhere")
    answer = await ingest(
        connection,
        batch(
            summary(revision=other),
            summary(revision=foreign + 1000),
            summary(revision=revision),
            points=[Point(component="nobody", variant="legacy", metric="requests", value=1)],
        ),
    )
    assert answer.accepted == 1
    assert answer.dropped == (
        Dropped(0, "unknown revision"),
        Dropped(1, "unknown revision"),
        Dropped(3, "unknown component"),
    )


async def test_points_are_aggregated_at_the_current_revision(connection: AsyncConnection) -> None:
    revision = await published(connection)
    points = [
        Point(component="search", variant="legacy", metric="requests", value=2),
        Point(component="search", variant="legacy", metric="responseTime", value=12.5),
        Point(component="search", variant="legacy", metric="memoryUsage", value=0.4),
    ]
    await ingest(connection, batch(points=points))
    assert {row.revision for row in await rows(connection)} == {revision}
    assert sorted((row.count, row.mean) for row in await rows(connection)) == [(1, 0.4), (1, 12.5), (2, 0.0)]


async def test_details_are_kept_as_json(connection: AsyncConnection) -> None:
    revision = await published(connection)
    await ingest(connection, batch(summary("mismatches", 3, revision=revision, details={"rows[].näme": 2, "total": 1})))
    (row,) = await rows(connection)
    assert row.details == {"rows[].näme": 2, "total": 1}


# -- what the judge reads


async def spans(connection: AsyncConnection, *watched: runs.Run) -> list[Span]:
    at = await control.now(connection)
    return [
        span(
            Subject(
                run_id=str(run.id),
                component=run.component,
                step=run.step,
                percentage=run.percentage,
                published_at=run.published_at,
                since_revision=run.revision or 0,
                plan=run.plan,
            ),
            now=at,
        )
        for run in watched
    ]


async def measured(connection: AsyncConnection, *watched: runs.Run) -> list[Measured]:
    return await metrics.measured(connection, environment="test", spans=await spans(connection, *watched))


async def test_a_window_holds_the_samples_of_the_current_step_only(connection: AsyncConnection) -> None:
    first = await stepped(connection, await begun(connection))
    assert first.revision is not None
    await ingest(connection, batch(summary(revision=first.revision, count=7)))
    second = await stepped(connection, first, step=2)
    assert second.revision is not None
    await ingest(connection, batch(summary(revision=second.revision, count=5)))
    await ingest(connection, batch(summary(revision=first.revision, count=70)))
    (found,) = await measured(connection, second)
    assert found.windows[Key(60, CANDIDATE, "requests")].count == 5
    assert (found.open_requests, found.closed_requests) == (5, 0)


async def test_partials_of_many_clients_are_merged(connection: AsyncConnection) -> None:
    run = await stepped(connection, await begun(connection))
    assert run.revision is not None
    for values in ([10.0, 20.0], [20.0, 800.0]):
        await ingest(connection, batch(times(values, revision=run.revision)))
    (found,) = await measured(connection, run)
    merged = found.windows[Key(60, CANDIDATE, "responseTime")]
    assert merged.count == 4
    assert histogram.decode(merged.histogram) == histogram.merge(
        {histogram.index(value): 1} for value in (10.0, 20.0, 20.0, 800.0)
    )


async def test_a_gauge_is_that_of_the_highest_instance(connection: AsyncConnection) -> None:
    run = await stepped(connection, await begun(connection))
    assert run.revision is not None
    gauges = [("web-1", 0.9, 1), ("web-1", 0.6, 2), ("web-2", 0.8, 1), ("web-2", 0.8, 1)]
    await ingest(
        connection,
        batch(
            *(
                summary("memoryUsage", count, revision=run.revision, mean=mean, instance=instance)
                for instance, mean, count in gauges
            )
        ),
    )
    (found,) = await measured(connection, run)
    memory = found.windows[Key(60, CANDIDATE, "memoryUsage")]
    assert (memory.instance, memory.count) == ("web-2", 5)
    assert memory.mean == pytest.approx(0.8)
    assert found.declared == {(CANDIDATE, "memoryUsage")}


async def test_runs_are_read_together_and_apart(connection: AsyncConnection) -> None:
    one = await stepped(connection, await begun(connection, "one"))
    two = await stepped(connection, await begun(connection, "two"))
    three = await begun(connection, "three")
    assert one.revision is not None
    assert two.revision is not None
    await ingest(
        connection,
        batch(
            summary(revision=one.revision, component="one", count=1),
            summary(revision=two.revision, component="two", count=2, variant="legacy"),
        ),
    )
    found = await measured(connection, one, two, three)
    counts = [
        {key: samples.count for key, samples in each.windows.items() if key.window_seconds == 60} for each in found
    ]
    assert counts == [{Key(60, CANDIDATE, "requests"): 1}, {Key(60, LEGACY, "requests"): 2}, {}]
    assert [each.open_requests for each in found] == [1, 0, 0]


async def test_buckets_before_a_window_are_left_out(connection: AsyncConnection) -> None:
    run = await stepped(connection, await begun(connection))
    assert run.revision is not None
    await connection.execute(text("update runs set published_at = now() - interval '1 hour'"))
    run = await runs.get(connection, run.id)
    for age in (0, 40, 100, 500):
        await ingest(
            connection, batch(summary(revision=run.revision or 0, bucket=bucket(now() - timedelta(seconds=age))))
        )
    (found,) = await measured(connection, run)
    assert {key.window_seconds: samples.count for key, samples in found.windows.items()} == {60: 20}
    assert found.open_requests == 40


async def test_nobody_to_judge_needs_no_query(connection: AsyncConnection) -> None:
    assert await measured(connection) == []


# -- totals


async def test_totals_count_both_sides_of_a_run(connection: AsyncConnection) -> None:
    run = await stepped(connection, await begun(connection))
    revision = run.revision or 0
    await ingest(
        connection,
        batch(
            summary(revision=revision, count=200),
            summary("errors", 5, revision=revision),
            times([10.0] * 90 + [400.0] * 110, revision=revision),
            summary("comparisons", 50, revision=revision),
            summary("mismatches", 4, revision=revision),
            summary("connectionsOpened", 9, revision=revision),
            summary("connectionsClosed", 3, revision=revision),
            summary(revision=revision - 1, count=30, variant="legacy"),
        ),
    )
    legacy, candidate = await metrics.totals(connection, run_ids=[run.id])
    assert (legacy.variant, legacy.requests, legacy.error_rate, legacy.p95_ms) == (LEGACY, 30, 0.0, None)
    assert (candidate.requests, candidate.errors, candidate.error_rate) == (200, 5, 0.025)
    assert (candidate.comparisons, candidate.mismatches, candidate.connections_open) == (50, 4, 6)
    assert candidate.p95_ms == pytest.approx(400, rel=0.01)


async def test_totals_of_a_run_without_samples_are_zero(connection: AsyncConnection) -> None:
    nobody = UUID(int=1)
    totals = await metrics.totals(connection, run_ids=[nobody])
    assert [(each.run_id, each.variant, each.requests, each.error_rate) for each in totals] == [
        (nobody, LEGACY, 0, None),
        (nobody, CANDIDATE, 0, None),
    ]
