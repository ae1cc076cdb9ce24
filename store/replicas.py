"""Replicas of the API: which revision and epoch each has applied, and when."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import replicas as table

LEASE = timedelta(seconds=2)
"""How long a replica serves flags with a live run after a good read began."""
MARGIN = timedelta(seconds=0.25)
"""What two clocks may disagree about in that time, and then some."""


async def confirm(
    connection: AsyncConnection, *, environment: str, replica: str, process: UUID, revision: int, epoch: int
) -> bool:
    """Notes that a replica serves this revision and epoch; whether it is the one process of its name.

    A process that died leaves its name to the next one, once its lease is over.
    """
    seen = {"process": process, "revision": revision, "epoch": epoch, "seen_at": func.clock_timestamp()}
    statement = insert(table).values(environment=environment, replica=replica, **seen)
    is_free = table.c.seen_at < func.clock_timestamp() - (LEASE + MARGIN)
    statement = statement.on_conflict_do_update(
        index_elements=["replica", "environment"], set_=seen, where=or_(table.c.process == process, is_free)
    )
    return bool((await connection.execute(statement)).rowcount)


async def leave(connection: AsyncConnection, *, process: UUID) -> None:
    """Forgets a replica that has ended in good order."""
    await connection.execute(delete(table).where(table.c.process == process))


async def forget(connection: AsyncConnection, *, older: timedelta) -> int:
    """Forgets replicas that were not seen for that long, and gives how many."""
    statement = delete(table).where(table.c.seen_at < func.clock_timestamp() - older)
    return (await connection.execute(statement)).rowcount
