"""Monitors: when each environment was last judged. Without a tick nothing advances."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import monitors as table


async def tick(connection: AsyncConnection, environment: str) -> None:
    """Notes that the environment has just been judged."""
    now = {"ticked_at": func.clock_timestamp()}
    statement = insert(table).values(environment=environment, **now)
    await connection.execute(statement.on_conflict_do_update(index_elements=["environment"], set_=now))


async def age(connection: AsyncConnection, environment: str) -> timedelta | None:
    """Gives the time since the last tick by the database's clock, or None if there never was one."""
    query = select(func.clock_timestamp() - table.c.ticked_at).where(table.c.environment == environment)
    passed: timedelta | None = (await connection.execute(query)).scalar_one_or_none()
    return passed
