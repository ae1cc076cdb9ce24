"""What happens when several connections write at once; each writer has a transaction of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from crossfade.errors import ComponentIsLive, CrossfadeError, Fenced, MigrationIsLive
from crossfade.flags import Flag
from crossfade.states import RunState
from store import flags, migrations, rollbacks, runs, stops
from store.flags import Change
from tests.builders import (
    ENVIRONMENT,
    begun_run,
    judge,
    publish,
    roll_back,
    served_run,
    started_migration,
)
from tests.store.replay import assert_audited

Write = Callable[[AsyncConnection], Awaitable[object]]


async def at_once(engine: AsyncEngine, *writes: Write) -> list[object]:
    """The result of each write, or the domain's refusal; anything else is raised."""

    async def one(write: Write) -> object:
        try:
            async with engine.begin() as connection:
                return await write(connection)
        except CrossfadeError as refusal:
            return refusal

    return await asyncio.gather(*(one(write) for write in writes))


async def test_twenty_rollbacks_at_once_are_one(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await served_run(connection)
    found = await at_once(engine, *[roll_back] * 20)
    assert len({rollback.id for rollback in found if isinstance(rollback, rollbacks.Rollback)}) == 1
    assert sum(rollback.created for rollback in found if isinstance(rollback, rollbacks.Rollback)) == 1
    async with engine.connect() as connection:
        assert len(await rollbacks.list(connection, environment=ENVIRONMENT)) == 1
        await assert_audited(connection, ENVIRONMENT)


async def test_two_begins_at_once_make_one_run(engine: AsyncEngine) -> None:
    found = await at_once(engine, begun_run, begun_run)
    assert [isinstance(each, ComponentIsLive) for each in found].count(True) == 1
    async with engine.connect() as connection:
        assert len(await runs.live(connection, ENVIRONMENT)) == 1


async def test_two_migrations_of_one_name_at_once_are_one(engine: AsyncEngine) -> None:
    found = await at_once(engine, started_migration, started_migration)
    refused = [each for each in found if isinstance(each, MigrationIsLive)]
    async with engine.connect() as connection:
        (migration,) = await migrations.live(connection, ENVIRONMENT)
    assert [each.detail for each in refused] == [str(migration.id)]


async def test_a_stop_against_steps_leaves_nothing_served(engine: AsyncEngine) -> None:
    """Whatever the order in which they commit, legacy serves everybody afterwards."""
    names = [f"part-{number}" for number in range(6)]
    async with engine.begin() as connection:
        migration = await started_migration(connection, names)
        begun = [await served_run(connection, name, migration_id=migration.id) for name in names]

    async def stop(connection: AsyncConnection) -> object:
        return await stops.stop(
            connection, environment=ENVIRONMENT, migration_id=migration.id, actor="ann", reason="fire"
        )

    def raising(run: runs.Run) -> Write:
        return lambda connection: publish(connection, run, step=2, percentage=50)

    writes = [raising(run) for run in begun]
    found = await at_once(engine, *writes[:3], stop, *writes[3:])
    assert all(isinstance(each, runs.Published | stops.Stop | Fenced) for each in found)
    async with engine.connect() as connection:
        assert {flag.served_percentage for flag in await flags.all(connection, ENVIRONMENT)} == {Decimal(0)}
        assert {run.state for run in await runs.live(connection, ENVIRONMENT)} == {RunState.STOPPING}
        await assert_audited(connection, ENVIRONMENT)


async def test_judging_steps_rollbacks_and_settings_at_once_neither_deadlock_nor_disagree(
    engine: AsyncEngine,
) -> None:
    """The monitor stores readings and rolls back in one transaction, against the order in which steps lock."""
    names = [f"part-{number}" for number in range(4)]
    async with engine.begin() as connection:
        begun = [await served_run(connection, name) for name in names]

    async def monitor(connection: AsyncConnection) -> object:
        for run in reversed(begun):
            await judge(connection, run)
        return [await roll_back(connection, run.component) for run in begun[:2]]

    def raising(run: runs.Run) -> Write:
        return lambda connection: publish(connection, run, step=2, percentage=50)

    def lowering(run: runs.Run) -> Write:
        return lambda connection: runs.lower(
            connection,
            environment=ENVIRONMENT,
            component=run.component,
            percentage=Decimal(1),
            actor="ann",
            reason="",
        )

    await at_once(engine, *map(raising, begun), monitor, *map(lowering, begun), monitor, *map(raising, begun))
    async with engine.connect() as connection:
        served = {flag.name: flag.served_percentage for flag in await flags.all(connection, ENVIRONMENT)}
        assert (served["part-0"], served["part-1"]) == (Decimal(0), Decimal(0))
        assert {served["part-2"], served["part-3"]} <= {Decimal(1)}
        await assert_audited(connection, ENVIRONMENT)


async def test_revisions_commit_in_order_and_none_is_drawn_twice(engine: AsyncEngine) -> None:
    def put(number: int) -> Write:
        return lambda connection: flags.put(
            connection,
            environment=ENVIRONMENT,
            name=f"flag-{number % 3}",
            change=Change(enabled=True, percentage=Decimal(number)),
            actor="ann",
            reason="",
        )

    found = await at_once(engine, *(put(number) for number in range(1, 16)))
    revisions = sorted(flag.revision for flag in found if isinstance(flag, Flag))
    assert revisions == list(range(1, 16))
    async with engine.connect() as connection:
        assert (await flags.snapshot(connection, ENVIRONMENT)).revision == 15
        await assert_audited(connection, ENVIRONMENT)


@pytest.mark.parametrize("count", [2, 8])
async def test_one_effect_at_once_happens_once(engine: AsyncEngine, count: int) -> None:
    async with engine.begin() as connection:
        run = await begun_run(connection)

    async def step(connection: AsyncConnection) -> object:
        return await runs.publish_step(
            connection,
            run_id=run.id,
            epoch=run.epoch,
            step=1,
            percentage=Decimal(10),
            actor="crossfade",
            reason="",
            effect="same",
            require_reading=False,
        )

    found = await at_once(engine, *[step] * count)
    assert found == [found[0]] * count
    async with engine.connect() as connection:
        assert (await flags.get(connection, environment=ENVIRONMENT, name="search")).revision == 2
