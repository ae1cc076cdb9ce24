"""What clients have measured: counted once, kept in ten-second summaries, added up per run."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import BatchConflict
from crossfade.intake import OLDEST_BATCH, Dropped, Row, Screened, screened
from crossfade.wire import Batch
from store import documents, series
from store.control import now as clock
from store.tables import feature_flags, flag_revisions, ingest_batches
from store.totals import Totals, totals
from store.windows import measured

__all__ = ["Dropped", "IngestResult", "Totals", "forget_batches", "ingest", "measured", "totals"]

COLUMNS = (
    "series_id",
    "bucket",
    "revision",
    "run_id",
    "step",
    "epoch",
    "instance",
    "count",
    "zeros",
    "mean",
    "m2",
    "min",
    "max",
    "histogram",
    "details",
    "batch_id",
)


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of a batch; a duplicate repeats the first answer and counts nothing."""

    batch_id: str
    accepted: int
    dropped: tuple[Dropped, ...]
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Served:
    """What a revision of a flag was part of."""

    component: str
    run_id: UUID | None
    step: int | None
    epoch: int


async def ingest(
    connection: AsyncConnection, *, environment: str, batch: Batch, digest: str, now: datetime
) -> IngestResult:
    """Counts a batch exactly once; raises InvalidBatch, or BatchConflict for its id with another digest."""
    intake = screened(batch, now=now)
    counted, result = await _placed(connection, environment, batch, intake)
    if not await _claimed(connection, environment, intake, digest, result):
        return await _first_answer(connection, environment, intake, digest)
    if counted:
        await _copy(connection, environment, intake.batch_id, counted)
    return result


async def forget_batches(connection: AsyncConnection, *, limit: int) -> int:
    """Deletes ids of batches that would be refused for their age if they came again, and gives how many."""
    oldest = (await clock(connection)) - OLDEST_BATCH - timedelta(hours=1)
    # An id begins with the milliseconds at which it was made.
    ids = select(ingest_batches.c.batch_id).where(
        ingest_batches.c.batch_id < UUID(int=int(oldest.timestamp() * 1000) << 80)
    )
    old = ingest_batches.c.batch_id.in_(ids.order_by(ingest_batches.c.batch_id).limit(limit))
    return (await connection.execute(delete(ingest_batches).where(old))).rowcount


async def _placed(
    connection: AsyncConnection, environment: str, batch: Batch, intake: Screened
) -> tuple[list[tuple[Row, Served]], IngestResult]:
    """Gives the rows with what their revision was part of, and the answer."""
    rows = await _with_revisions(connection, environment, intake.rows)
    served = await _served(connection, environment, rows)
    counted: list[tuple[Row, Served]] = []
    dropped = list(intake.dropped)
    for row in rows:
        place = served.get(row.revision)
        if place is None or place.component != row.component:
            dropped.append(Dropped(row.index, "unknown component" if row.revision is None else "unknown revision"))
        else:
            counted.append((row, place))
    dropped.sort(key=lambda drop: drop.index)
    return counted, IngestResult(batch.batchId, len(counted), tuple(dropped))


async def _with_revisions(connection: AsyncConnection, environment: str, rows: Sequence[Row]) -> list[Row]:
    """Gives rows without a revision the current one of their flag."""
    names = sorted({row.component for row in rows if row.revision is None})
    if not names:
        return list(rows)
    query = select(feature_flags.c.name, feature_flags.c.revision).where(
        feature_flags.c.environment == environment, feature_flags.c.name.in_(names)
    )
    current = {row.name: row.revision for row in await connection.execute(query)}
    return [replace(row, revision=current.get(row.component)) if row.revision is None else row for row in rows]


async def _served(connection: AsyncConnection, environment: str, rows: Sequence[Row]) -> dict[int | None, Served]:
    revisions = sorted({row.revision for row in rows if row.revision is not None})
    table = flag_revisions.c
    query = select(table.revision, table.name, table.run_id, table.step, table.epoch).where(
        table.environment == environment, table.revision.in_(revisions)
    )
    found = await connection.execute(query)
    return {revision: Served(name, run_id, step, epoch) for revision, name, run_id, step, epoch in found}


async def _claimed(
    connection: AsyncConnection, environment: str, intake: Screened, digest: str, result: IngestResult
) -> bool:
    """Writes the batch's id; False when it was there, after waiting for a transaction that is just writing it."""
    claim = (
        insert(ingest_batches)
        .values(
            batch_id=intake.batch_id,
            day=intake.created_at.date(),
            environment=environment,
            digest=digest,
            answer=asdict(result),
        )
        .on_conflict_do_nothing()
        .returning(ingest_batches.c.batch_id)
    )
    return (await connection.execute(claim)).first() is not None


async def _first_answer(connection: AsyncConnection, environment: str, intake: Screened, digest: str) -> IngestResult:
    table = ingest_batches.c
    query = select(table.environment, table.digest, table.answer).where(
        table.batch_id == intake.batch_id, table.day == intake.created_at.date()
    )
    first = (await connection.execute(query)).one()
    if (first.environment, first.digest) != (environment, digest):
        raise BatchConflict
    answer: documents.Document = first.answer
    dropped = tuple(Dropped(**drop) for drop in answer["dropped"])
    return IngestResult(answer["batch_id"], answer["accepted"], dropped, duplicate=True)


async def _copy(
    connection: AsyncConnection, environment: str, batch_id: UUID, counted: Sequence[tuple[Row, Served]]
) -> None:
    names = {series.Name(row.component, row.variant, row.metric, row.kind) for row, _ in counted}
    ids = await series.ids(connection, environment=environment, names=names)
    records = [_record(row, served, ids, batch_id) for row, served in counted]
    # COPY on the same driver connection is part of the same transaction: the claim above has begun it.
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    await driver.copy_records_to_table("migration_metrics", records=records, columns=COLUMNS)


def _record(row: Row, served: Served, ids: dict[series.Name, int], batch_id: UUID) -> tuple[object, ...]:
    return (
        ids[series.Name(row.component, row.variant, row.metric, row.kind)],
        row.bucket,
        row.revision,
        served.run_id,
        served.step,
        served.epoch,
        row.instance,
        row.count,
        row.zeros,
        row.mean,
        row.m2,
        row.min,
        row.max,
        row.histogram,
        None if row.details is None else documents.dumps(dict(row.details)),
        batch_id,
    )
