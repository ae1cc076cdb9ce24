"""SDK clients: which revision and epoch each has confirmed, and when."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import sdk_clients as table

VALIDITY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client application as it has last confirmed, by the database's clock."""

    environment: str
    client_id: str
    revision: int
    epoch: int
    replica: str
    first_seen_at: datetime
    seen_at: datetime


async def confirm(
    connection: AsyncConnection, *, environment: str, client_id: str, revision: int, epoch: int, replica: str
) -> None:
    """Notes that a client serves this revision and epoch; it asked this replica."""
    seen = {"revision": revision, "epoch": epoch, "replica": replica, "seen_at": func.clock_timestamp()}
    keys = {"environment": environment, "client_id": client_id, "first_seen_at": func.clock_timestamp()}
    statement = insert(table).values(**keys, **seen)
    await connection.execute(statement.on_conflict_do_update(index_elements=["environment", "client_id"], set_=seen))


async def leave(connection: AsyncConnection, *, environment: str, client_id: str) -> None:
    """Forgets a client that has ended in good order."""
    await connection.execute(delete(table).where(table.c.environment == environment, table.c.client_id == client_id))


async def forget(connection: AsyncConnection, *, older: timedelta) -> int:
    """Forgets clients that were not seen for that long, and gives how many."""
    statement = delete(table).where(table.c.seen_at < func.clock_timestamp() - older)
    return (await connection.execute(statement)).rowcount


async def behind(
    connection: AsyncConnection, *, environment: str, revision: int, within: timedelta = VALIDITY
) -> tuple[Client, ...]:
    """Gives the clients, seen within that time, that have not confirmed this revision yet."""
    query = seen(environment, within).where(table.c.revision < revision)
    rows = (await connection.execute(query.order_by(table.c.client_id))).mappings()
    return tuple(Client(**row) for row in rows)


async def list(  # noqa: A001 - its verb
    connection: AsyncConnection, *, environment: str, within: timedelta = VALIDITY
) -> tuple[Client, ...]:
    """Gives the clients seen within that time."""
    rows = (await connection.execute(seen(environment, within).order_by(table.c.client_id))).mappings()
    return tuple(Client(**row) for row in rows)


def seen(environment: str, within: timedelta) -> Select[tuple[object, ...]]:
    """Gives the query for clients seen within that time."""
    return select(*table.c).where(
        table.c.environment == environment, table.c.seen_at >= func.clock_timestamp() - within
    )
