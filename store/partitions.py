"""Daily partitions, made ahead of time."""

from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

PARTITIONED = {"migration_metrics": "bucket", "user_behavior_tracking": "occurred_at"}  # and what they are divided by
DAYS_AHEAD = 30


async def ensure(connection: AsyncConnection, *, days: int = DAYS_AHEAD) -> None:
    """Creates the partitions from yesterday to `days` ahead that are missing; needs the right to create tables.

    A day that has rows in the default partition already stays there: Postgres would refuse its partition.
    """
    today: date = (await connection.execute(text("select (now() at time zone 'UTC')::date"))).scalar_one()
    for table, column in PARTITIONED.items():
        late = await _days_without(connection, table, column)
        for day in (today + timedelta(days=offset) for offset in range(-1, days + 1)):
            if day not in late:
                await connection.execute(text(daily(table, day)))


async def _days_without(connection: AsyncConnection, table: str, column: str) -> set[date]:
    query = f"select distinct ({column} at time zone 'UTC')::date from {table}_default"  # noqa: S608 - our own names
    return set((await connection.execute(text(query))).scalars())


def daily(table: str, day: date) -> str:
    """Gives the statement that creates one day's partition."""
    following = day + timedelta(days=1)
    return (
        f"create table if not exists {table}_{day:%Y%m%d} partition of {table} "
        f"for values from ('{day} 00:00+00') to ('{following} 00:00+00')"
    )
