"""Validations: checkpoints that open, compare a share of the calls, and close with a verdict and its evidence."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import Fenced, UnknownValidation
from crossfade.flags import Flag
from crossfade.states import Verdict
from store import audit, control, flags, run_rows, runs
from store.documents import Document
from store.identifiers import uuid7
from store.run_rows import Run
from store.tables import data_validation_checkpoints as table

Kind = Literal["data_consistency", "api_compatibility", "performance_regression"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be validated; the run may be left out, as by a person, and is then the live one if there is any."""

    environment: str
    component: str
    name: str
    kind: Kind = "data_consistency"
    sample: int
    max_mismatch: float
    confidence: float = 0.95
    share: Decimal = Decimal(1)
    phase: str | None = None
    run_id: UUID | None = None
    epoch: int | None = None
    step: int | None = None
    requested_by: str
    effect: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint(Request):
    """A validation and its result; only calls that started at `opened_revision` or later count."""

    id: UUID
    state: Literal["open", "closed"]
    opened_revision: int
    opened_at: datetime
    closed_revision: int | None = None
    closed_at: datetime | None = None
    verdict: Verdict | None = None
    compared: int = 0
    mismatched: int = 0
    lower: float | None = None
    upper: float | None = None
    evidence: Document | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a validation has found; bounds are those of the share of mismatches."""

    verdict: Verdict
    compared: int = 0
    mismatched: int = 0
    lower: float | None = None
    upper: float | None = None
    evidence: Document


@dataclass(frozen=True, slots=True)
class Counts:
    """Comparisons so far, and the fields that differed with how often."""

    compared: int
    mismatched: int
    fields: Document


async def open(connection: AsyncConnection, request: Request) -> Checkpoint:  # noqa: A001 - its verb
    """Opens a checkpoint and publishes the share of calls to compare, in the same run and step.

    Raises Fenced where the run may not serve any more, UnknownFlag.
    """
    await control.lock(connection, request.environment)
    done = table.c.environment == request.environment, table.c.effect == request.effect
    if request.effect is not None and (known := await find_all(connection, *done)):
        return known[0]
    run = await owner(connection, request)
    flag = await flags.get(connection, environment=request.environment, name=request.component)
    share = max(flag.shadow_share, request.share)
    checkpoint_id = uuid7()
    shared = await publish_share(connection, flag, run, share=share, actor=request.requested_by, action="open")
    values = {name: getattr(request, name) for name in Request.__dataclass_fields__}
    checkpoint = Checkpoint(
        **values | ({} if run is None else {"run_id": run.id, "epoch": run.epoch, "step": request.step or run.step}),
        id=checkpoint_id,
        state="open",
        opened_revision=shared.revision,
        opened_at=await control.now(connection),
    )
    await connection.execute(insert(table).values(columns(checkpoint)))
    await audit.append(connection, entry(None, checkpoint, actor=request.requested_by))
    return checkpoint


async def close(
    connection: AsyncConnection, *, environment: str, checkpoint_id: UUID, result: Result, actor: str
) -> Checkpoint:
    """Closes a checkpoint with its result and ends the comparing; a second time it gives what the first has stored."""
    await control.lock(connection, environment)
    checkpoint = await get(connection, environment=environment, checkpoint_id=checkpoint_id)
    if checkpoint.state == "closed":
        return checkpoint
    flag = await flags.get(connection, environment=environment, name=checkpoint.component)
    run = await runs.latest(connection, environment=environment, component=checkpoint.component)
    share = min(flag.shadow_share, await still_asked(connection, checkpoint))
    shared = await publish_share(connection, flag, run, share=share, actor=actor, action="close")
    found = {name: getattr(result, name) for name in Result.__dataclass_fields__}
    closed = replace(
        checkpoint,
        **found,
        state="closed",
        closed_revision=shared.revision,
        closed_at=await control.now(connection),
    )
    await connection.execute(update(table).where(table.c.id == checkpoint_id).values(columns(closed)))
    await audit.append(connection, entry(checkpoint, closed, actor=actor))
    return closed


async def counts(connection: AsyncConnection, checkpoint: Checkpoint) -> Counts:
    """Counts the comparisons of calls that started while the checkpoint was open."""
    values = {
        "environment": checkpoint.environment,
        "component": checkpoint.component,
        "first": checkpoint.opened_revision,
        "last": checkpoint.closed_revision,
        "since": checkpoint.opened_at,
    }
    compared, mismatched = (await connection.execute(COUNTS, values)).one()
    fields = await connection.execute(FIELDS, values)
    return Counts(int(compared), int(mismatched), {field: int(count) for field, count in fields})


async def get(connection: AsyncConnection, *, checkpoint_id: UUID, environment: str | None = None) -> Checkpoint:
    """Gives one checkpoint, of this environment where one is named; raises UnknownValidation."""
    found = await find_all(connection, table.c.id == checkpoint_id)
    if not found or environment not in {None, found[0].environment}:
        raise UnknownValidation(str(checkpoint_id))
    return found[0]


async def list(  # noqa: A001 - its verb
    connection: AsyncConnection, *, environment: str, component: str | None = None, limit: int = 100
) -> tuple[Checkpoint, ...]:
    """Gives checkpoints, the newest first."""
    conditions = [table.c.environment == environment]
    if component is not None:
        conditions.append(table.c.component == component)
    return await find_all(connection, *conditions, limit=limit)


async def find_all(
    connection: AsyncConnection, *conditions: ColumnElement[bool], limit: int = 100
) -> tuple[Checkpoint, ...]:
    """Gives the checkpoints that meet the conditions, the newest first."""
    query = select(table).where(*conditions).order_by(table.c.opened_at.desc(), table.c.id.desc()).limit(limit)
    return tuple(from_row(row) for row in (await connection.execute(query)).mappings())


async def owner(connection: AsyncConnection, request: Request) -> Run | None:
    """Gives the run that a validation belongs to; raises Fenced where the one it names has passed."""
    if request.run_id is not None:
        run = await run_rows.lock(connection, request.run_id)
        if run is None or run.state not in run_rows.ADVANCING or request.epoch not in {None, run.epoch}:
            raise Fenced(f"run {request.run_id}, epoch {request.epoch}")
        return run
    latest = await runs.latest(connection, environment=request.environment, component=request.component)
    return latest if latest is not None and latest.state in run_rows.ADVANCING else None


async def publish_share(
    connection: AsyncConnection, flag: Flag, run: Run | None, *, share: Decimal, actor: str, action: str
) -> Flag:
    """Publishes the share of calls that are compared; a checkpoint that opens needs a revision of its own."""
    is_live = run is not None and run.state.is_live
    if action == "close" and share == flag.shadow_share:
        return flag
    return await flags.publish(
        connection,
        replace(flag, shadow_share=share),
        action=f"validation.{action}",
        actor=actor,
        reason="",
        run_id=run.id if run is not None and is_live else None,
        step=run.step if run is not None and is_live else None,
    )


async def still_asked(connection: AsyncConnection, checkpoint: Checkpoint) -> Decimal:
    """Gives the largest share that other open checkpoints of the component ask for."""
    query = select(func.coalesce(func.max(table.c.share), 0)).where(
        table.c.environment == checkpoint.environment,
        table.c.component == checkpoint.component,
        table.c.state == "open",
        table.c.id != checkpoint.id,
    )
    return Decimal(str((await connection.execute(query)).scalar_one()))


def entry(before: Checkpoint | None, after: Checkpoint, *, actor: str) -> audit.Entry:
    """Gives the audit entry of a checkpoint that opens or closes."""
    return audit.Entry(
        environment=after.environment,
        kind="validation",
        key=str(after.id),
        action=f"validation.{after.state}",
        actor=actor,
        reason=after.name,
        before=None if before is None else image(before),
        after=image(after),
        run_id=after.run_id,
        epoch=after.epoch,
        step=after.step,
        effect=after.effect if before is None else None,
    )


def image(checkpoint: Checkpoint) -> Document:
    """Gives what the audit keeps of a checkpoint."""
    return {
        "component": checkpoint.component,
        "state": checkpoint.state,
        "verdict": checkpoint.verdict and checkpoint.verdict.value,
        "compared": checkpoint.compared,
        "mismatched": checkpoint.mismatched,
    }


def columns(checkpoint: Checkpoint) -> dict[str, Any]:
    """Gives a checkpoint as the columns of its row."""
    values = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    return values | {"share": float(checkpoint.share), "verdict": checkpoint.verdict and checkpoint.verdict.value}


def from_row(row: RowMapping) -> Checkpoint:
    """Reads a row."""
    values = {name: row[name] for name in Checkpoint.__dataclass_fields__}
    values["share"] = Decimal(str(row["share"]))
    values["verdict"] = None if row["verdict"] is None else Verdict(row["verdict"])
    return Checkpoint(**values)


_ROWS = """
from migration_metrics as m join metric_series as s on s.id = m.series_id
where s.environment = :environment and s.component = :component and s.metric in ('comparisons', 'mismatches')
  and m.bucket >= cast(:since as timestamptz) - interval '15 minutes'
  and m.revision >= :first and m.revision <= coalesce(cast(:last as bigint), m.revision)
"""
COUNTS = text(
    "select coalesce(sum(m.count) filter (where s.metric = 'comparisons'), 0),"
    f" coalesce(sum(m.count) filter (where s.metric = 'mismatches'), 0) {_ROWS}"
)
FIELDS = text(
    "select field.key, sum(cast(field.value as bigint)) from (select m.details"  # noqa: S608 - a constant
    f" {_ROWS} and m.details is not null) as m, jsonb_each_text(m.details) as field group by 1 order by 2 desc limit 20"
)
