"""SDK clients: which revision and epoch each has confirmed, and when."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, select, text
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What a client says that it serves."""

    client_id: str
    revision: int
    epoch: int


async def confirm(
    connection: AsyncConnection, *, environment: str, client_id: str, revision: int, epoch: int, replica: str
) -> None:
    """Notes that a client serves this revision and epoch; it asked this replica."""
    confirmed = Confirmed(client_id=client_id, revision=revision, epoch=epoch)
    await confirm_all(connection, environment=environment, replica=replica, confirmed=[confirmed])


async def confirm_all(
    connection: AsyncConnection, *, environment: str, replica: str, confirmed: Collection[Confirmed]
) -> None:
    """Notes what these clients serve; each of them is named once."""
    # In one order everywhere, so that two replicas that hear of the same clients do not wait for one another.
    ranked = sorted(confirmed, key=lambda each: each.client_id)
    values = {
        "client_ids": [each.client_id for each in ranked],
        "revisions": [each.revision for each in ranked],
        "epochs": [each.epoch for each in ranked],
    }
    await connection.execute(_CONFIRM, {"environment": environment, "replica": replica, **values})


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


# One text for any number of clients, so that it stays prepared.
_CONFIRM = text("""
    insert into sdk_clients (environment, client_id, revision, epoch, replica, first_seen_at, seen_at)
    select :environment, given.client_id, given.revision, given.epoch, :replica, clock_timestamp(), clock_timestamp()
    from unnest(cast(:client_ids as text[]), cast(:revisions as bigint[]), cast(:epochs as bigint[]))
        as given (client_id, revision, epoch)
    on conflict (environment, client_id) do update set
        revision = excluded.revision, epoch = excluded.epoch, replica = excluded.replica, seen_at = clock_timestamp()
""")
