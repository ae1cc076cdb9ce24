import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.migrations import MigrationActivities, Stop
from store import audit, stops
from tests.builders import ENVIRONMENT, started_migration

WAITING = text("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")


async def test_a_stop_that_is_tried_again_while_the_first_is_written_stops_once(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        migration = await started_migration(connection)
    order = Stop(environment=ENVIRONMENT, migration_id=str(migration.id), actor="ann", reason="enough")

    async def again() -> None:
        await MigrationActivities(engine).stop(order)

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks, engine.begin() as first:
        await stops.stop(first, environment=ENVIRONMENT, migration_id=migration.id, actor="ann", reason="enough")
        tasks.create_task(again())
        async with engine.connect() as other:
            while not (await other.execute(WAITING)).scalar_one():
                await other.rollback()
    async with engine.connect() as connection:
        rows = await audit.find_all(connection, environment=ENVIRONMENT, limit=100)
    assert [row.action for row in rows].count("stop.migration") == 1
