"""Builders that write to the database: runs that serve, batches that clients send."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade import histogram
from crossfade.flags import Flag
from crossfade.intake import digest
from crossfade.plan.resolved import ComponentPlan, Step
from crossfade.wire import Batch, Point, Summary
from store import flags, metrics, runs
from store.identifiers import uuid7
from store.metrics import IngestResult
from store.tables import migration_metrics

PLAN = ComponentPlan(name="search", steps=(Step(percentage=Decimal(50)), Step(percentage=Decimal(100))))


def now() -> datetime:
    return datetime.now(UTC)


def bucket(moment: datetime) -> int:
    return int(moment.timestamp() // 10 * 10)


def batch(*summaries: Summary, points: Sequence[Point] = (), sent: datetime | None = None, **changes: Any) -> Batch:
    defaults: dict[str, Any] = {"batchId": str(uuid7()), "client": "test", "sentAt": (sent or now()).timestamp()}
    return Batch(**(defaults | changes), summaries=tuple(summaries), points=tuple(points))


def summary(metric: str = "requests", count: int = 10, *, revision: int, **changes: Any) -> Summary:
    defaults: dict[str, Any] = {"component": "search", "variant": "candidate", "bucket": bucket(now())}
    return Summary(metric=metric, count=count, revision=revision, **(defaults | changes))


def times(values: Sequence[float], *, revision: int, **changes: Any) -> Summary:
    counts = histogram.merge({histogram.index(value): 1} for value in values)
    pairs = tuple(sorted(counts.items()))
    return summary("responseTime", len(values), revision=revision, histogram=pairs, **changes)


async def ingest(
    connection: AsyncConnection, one: Batch, *, at: datetime | None = None, environment: str = "test"
) -> IngestResult:
    return await metrics.ingest(connection, environment=environment, batch=one, digest=digest(one), now=at or now())


async def rows(connection: AsyncConnection) -> list[Any]:
    return list(await connection.execute(select(migration_metrics)))


async def published(connection: AsyncConnection, *, component: str = "search", environment: str = "test") -> int:
    """Publish a flag by hand; gives its revision."""
    flag = Flag(name=component, environment=environment, enabled=True, ceiling=Decimal(0))
    return (await flags.publish(connection, flag, action="test", actor="test", reason="")).revision


async def begun(connection: AsyncConnection, component: str = "search", **plan: Any) -> runs.Run:
    return await runs.begin(
        connection,
        environment="test",
        component=component,
        migration_id=None,
        phase="one",
        plan=replace(PLAN, name=component, **plan),
        actor="test",
        effect=str(uuid7()),
    )


async def stepped(connection: AsyncConnection, run: runs.Run, step: int = 1) -> runs.Run:
    await runs.publish_step(
        connection,
        run_id=run.id,
        epoch=run.epoch,
        step=step,
        percentage=PLAN.steps[step - 1].percentage,
        actor="test",
        reason="",
        effect=str(uuid7()),
        require_reading=False,
    )
    return await runs.get(connection, run.id)
