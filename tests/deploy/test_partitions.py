"""What `python -m store migrate` finds when nobody has run it for longer than its partitions reach."""

from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from store import partitions

TABLE = "user_behavior_tracking"
ROW = (
    "(environment, component, variant, subject, event, batch_id, occurred_at)"
    " values ('test', 'search', 'legacy', 'u-1', 'clicked', gen_random_uuid(), now())"
)


async def test_a_day_that_began_in_the_default_partition_does_not_stop_the_migration(engine: AsyncEngine) -> None:
    today = datetime.now(UTC)
    async with engine.begin() as connection:
        await connection.execute(text(f"drop table {TABLE}_{today:%Y%m%d}"))
        await connection.execute(text(f"insert into {TABLE} {ROW}"))

    async with engine.begin() as connection:
        await partitions.ensure(connection)
        await partitions.ensure(connection, days=partitions.DAYS_AHEAD + 1)

    async with engine.begin() as connection:
        rows = await connection.execute(text(f"select tableoid::regclass::text from {TABLE}"))
        query = f"select count(*) from pg_inherits where inhparent = '{TABLE}'::regclass"
        count = (await connection.execute(text(query))).scalar_one()
    assert rows.scalars().all() == [f"{TABLE}_default"]
    # Yesterday, the next 31 days and the default one; today is in the default one.
    assert count == 1 + partitions.DAYS_AHEAD + 1 + 1
