"""The outbox: what workflows are told, written with the change that tells it, delivered at least once afterwards."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ARRAY, BigInteger, RowMapping, Text, any_, bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.documents import Document
from store.engine import OUTBOX_CHANNEL
from store.identifiers import uuid7
from store.tables import outbox

Kind = Literal["start", "signal"]
LONGEST_BACKOFF = timedelta(seconds=10)
PAUSING = ("pause", "hold", "resume")
"""Signals of which the last word counts: among those of one workflow, none passes by another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message for a workflow: start it (`name` is the workflow's type), or signal it (`name` is the signal's)."""

    id: int
    environment: str
    workflow_id: str
    kind: Kind
    name: str
    payload: Document
    request_id: str
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """A message that is to be put into the outbox."""

    environment: str
    workflow_id: str
    kind: Kind
    name: str
    payload: Document
    request_id: str = field(default_factory=lambda: str(uuid7()))


async def enqueue(
    connection: AsyncConnection,
    *,
    environment: str,
    workflow_id: str,
    kind: Kind,
    name: str,
    payload: Document,
    request_id: str | None = None,
) -> None:
    """Puts a message into the outbox; the same request id twice is one message."""
    order = Order(environment, workflow_id, kind, name, payload, request_id or str(uuid7()))
    await enqueue_all(connection, [order])


async def enqueue_all(connection: AsyncConnection, orders: Sequence[Order]) -> None:
    """Puts messages into the outbox, in this order."""
    if not orders:
        return
    once = insert(outbox).on_conflict_do_nothing(index_elements=["request_id"])
    await connection.execute(once, [asdict(order) for order in orders])
    await connection.execute(text("select pg_notify(:channel, '')"), {"channel": OUTBOX_CHANNEL})


async def replace_all(connection: AsyncConnection, orders: Sequence[Order]) -> None:
    """Puts messages into the outbox in place of those of the same names that still wait: only the newest matter."""
    for name in sorted({order.name for order in orders}):
        await withdraw(
            connection, workflow_ids=[order.workflow_id for order in orders if order.name == name], name=name
        )
    await enqueue_all(connection, orders)


async def withdraw(connection: AsyncConnection, *, workflow_ids: Sequence[str], name: str) -> None:
    """Deletes messages that nobody delivers right now."""
    mine = (outbox.c.workflow_id == any_(bindparam("workflow_ids", workflow_ids, ARRAY(Text))), outbox.c.name == name)
    waiting = select(outbox.c.id).where(*mine, outbox.c.delivered_at.is_(None)).with_for_update(skip_locked=True)
    await connection.execute(delete(outbox).where(outbox.c.id.in_(waiting)))


async def take(connection: AsyncConnection, *, limit: int = 20) -> tuple[Message, ...]:
    """Locks messages to deliver, oldest first; deliver and mark them before the transaction ends.

    A workflow's messages keep their order: one waits for an earlier one until that has failed once, for its start in
    any case; and `PAUSING` ones for each other, without holding up the rest once the first of them has failed.
    """
    earlier, tried = outbox.alias("earlier"), outbox.alias("tried")
    both_earlier = tried.c.name.in_(PAUSING) & earlier.c.name.in_(PAUSING)
    has_failed = (
        select(tried.c.id)
        .where(
            tried.c.workflow_id == earlier.c.workflow_id,
            tried.c.delivered_at.is_(None),
            tried.c.attempts > 0,
            (tried.c.id == earlier.c.id) | both_earlier,
        )
        .exists()
    )
    both = earlier.c.name.in_(PAUSING) & outbox.c.name.in_(PAUSING)
    blocked = (
        select(earlier.c.id)
        .where(
            earlier.c.workflow_id == outbox.c.workflow_id,
            earlier.c.id < outbox.c.id,
            earlier.c.delivered_at.is_(None),
            (earlier.c.kind == "start") | both | ~has_failed,
        )
        .exists()
    )
    query = (
        select(*(outbox.c[name] for name in Message.__dataclass_fields__))
        .where(outbox.c.delivered_at.is_(None), outbox.c.available_at <= func.clock_timestamp(), ~blocked)
        .order_by(outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return tuple(from_row(row) for row in (await connection.execute(query)).mappings())


async def delivered(connection: AsyncConnection, message_ids: Sequence[int]) -> None:
    """Marks messages as delivered."""
    if not message_ids:
        return
    statement = update(outbox).where(outbox.c.id == any_(bindparam("ids", message_ids, ARRAY(BigInteger))))
    await connection.execute(statement.values(delivered_at=func.clock_timestamp(), attempts=outbox.c.attempts + 1))


async def failed(connection: AsyncConnection, message_id: int, *, error: str) -> None:
    """Marks a message as not delivered this time; the next time comes later each time, at most 10 s."""
    doubled = func.least(0.2 * func.power(2, outbox.c.attempts), LONGEST_BACKOFF.total_seconds())
    statement = update(outbox).where(outbox.c.id == message_id)
    await connection.execute(
        statement.values(
            attempts=outbox.c.attempts + 1,
            last_error=error.replace("\0", "")[:1000],
            available_at=func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, doubled),
        )
    )


async def prune(connection: AsyncConnection, *, older: timedelta, limit: int) -> int:
    """Deletes delivered messages older than that, at most so many, and gives how many."""
    old = (
        select(outbox.c.id)
        .where(outbox.c.delivered_at < func.clock_timestamp() - older)
        .order_by(outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await connection.execute(delete(outbox).where(outbox.c.id.in_(old)))).rowcount


async def waiting(connection: AsyncConnection, *, environment: str) -> int:
    """Counts the messages that are not delivered yet."""
    query = select(func.count()).select_from(outbox)
    mine = query.where(outbox.c.environment == environment, outbox.c.delivered_at.is_(None))
    return int((await connection.execute(mine)).scalar_one())


def from_row(row: RowMapping) -> Message:
    """Reads a row."""
    return Message(**row)
