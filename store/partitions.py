"""Daily partitions, made ahead of time."""

from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

PARTITIONED = ("migration_metrics", "user_behavior_tracking")
DAYS_AHEAD = 30


async def ensure(connection: AsyncConnection, *, days: int = DAYS_AHEAD) -> None:
    """Creates the partitions from yesterday to `days` ahead that are missing; needs the right to create tables."""
    today: date = (await connection.execute(text("select (now() at time zone 'UTC')::date"))).scalar_one()
    for table in PARTITIONED:
        for offset in range(-1, days + 1):
            await connection.execute(text(daily(table, today + timedelta(days=offset))))


def daily(table: str, day: date) -> str:
    """Gives the statement that creates one day's partition."""
    following = day + timedelta(days=1)
    return (
        f"create table if not exists {table}_{day:%Y%m%d} partition of {table} "
        f"for values from ('{day} 00:00+00') to ('{following} 00:00+00')"
    )
