"""The control row of an environment: its counters, whether a stop is in force, and the first lock of every write.

Order of locks, everywhere in `store`: control row, run, flag, the rest. Whoever changes state takes the control row
first, so writers of one environment queue up and cannot deadlock.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import Stopped
from store.tables import control as table


@dataclass(frozen=True, slots=True)
class Control:
    """Where an environment stands."""

    environment: str
    epoch: int = 0
    revision: int = 0
    stopped_at: datetime | None = None
    stop_reason: str | None = None
    stop_actor: str | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether a stop of the whole environment is in force: nothing may be enabled or raised."""
        return self.stopped_at is not None


async def get(connection: AsyncConnection, environment: str) -> Control:
    """Reads the control row; an environment that nobody has written to is at zero."""
    row = (await connection.execute(select(table).where(table.c.environment == environment))).mappings().one_or_none()
    return Control(environment) if row is None else from_row(row)


async def lock(connection: AsyncConnection, environment: str) -> Control:
    """Locks the control row until the transaction ends; makes it where it is missing."""
    query = select(table).where(table.c.environment == environment).with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        await connection.execute(insert(table).values(environment=environment).on_conflict_do_nothing())
        row = (await connection.execute(query)).mappings().one()
    return from_row(row)


async def lock_unstopped(connection: AsyncConnection, environment: str) -> Control:
    """Locks the control row; raises Stopped while a stop of the environment is in force."""
    control = await lock(connection, environment)
    if control.is_stopped:
        raise Stopped(control.stop_reason or "")
    return control


async def next_epoch(connection: AsyncConnection, environment: str) -> int:
    """Draws the environment's next epoch."""
    statement = update(table).values(epoch=table.c.epoch + 1).where(table.c.environment == environment)
    return int((await connection.execute(statement.returning(table.c.epoch))).scalar_one())


async def next_revision(connection: AsyncConnection, environment: str, *, count: int = 1) -> int:
    """Draws the environment's next `count` revisions and gives the last; they commit in order."""
    statement = update(table).values(revision=table.c.revision + count).where(table.c.environment == environment)
    return int((await connection.execute(statement.returning(table.c.revision))).scalar_one())


async def now(connection: AsyncConnection) -> datetime:
    """Gives the time of the database's clock; unlike SQL's `now()` it goes on within a transaction."""
    at: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return at


def from_row(row: RowMapping) -> Control:
    """Reads a row."""
    return Control(**{field: row[field] for field in Control.__dataclass_fields__})
