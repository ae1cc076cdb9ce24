"""Replicas of the API: which revision and epoch each has applied, and when."""

from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import replicas as table


async def confirm(connection: AsyncConnection, *, environment: str, replica: str, revision: int, epoch: int) -> None:
    """Notes that a replica serves this revision and epoch."""
    seen = {"revision": revision, "epoch": epoch, "seen_at": func.clock_timestamp()}
    statement = insert(table).values(environment=environment, replica=replica, **seen)
    await connection.execute(statement.on_conflict_do_update(index_elements=["replica", "environment"], set_=seen))


async def leave(connection: AsyncConnection, *, replica: str) -> None:
    """Forgets a replica that has ended in good order."""
    await connection.execute(delete(table).where(table.c.replica == replica))
