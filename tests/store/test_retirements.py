from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import NotComplete, Retired, UnknownComponent
from crossfade.flags import Conditions
from crossfade.plan.resolved import FlagPlan
from crossfade.states import ComponentStatus
from store import audit, components, flags, retirements, stops
from store.migrations import Migration
from store.retirements import Retirement
from tests.builders import ENVIRONMENT, begun_run, completed_run, roll_back, served_run, started_migration
from tests.store.replay import assert_audited


async def retire(connection: AsyncConnection, component: str = "search") -> Retirement:
    return await retirements.retire(
        connection, environment=ENVIRONMENT, component=component, actor="ann", reason="legacy is deleted"
    )


@pytest.fixture
async def migration(connection: AsyncConnection) -> AsyncIterator[Migration]:
    """A live migration whose `search` is complete and retired, whose `errors` is complete, whose `socket` ramps."""
    migration = await started_migration(connection, ["search", "errors", "socket"])
    for name in ("search", "errors"):
        await completed_run(connection, name, migration_id=migration.id)
    await served_run(connection, "socket", migration_id=migration.id)
    await retire(connection)
    yield migration
    await assert_audited(connection, ENVIRONMENT)


@pytest.mark.parametrize("scope", ["migration", "environment"])
async def test_a_stop_leaves_a_retired_component_alone(
    connection: AsyncConnection, migration: Migration, scope: str
) -> None:
    only = migration.id if scope == "migration" else None
    stop = await stops.stop(connection, environment=ENVIRONMENT, migration_id=only, actor="ann", reason="fire")
    served = {flag.name: flag.served_percentage for flag in await flags.all(connection, ENVIRONMENT)}
    status = {part.name: part.status for part in await components.list(connection, migration_id=migration.id)}
    assert (stop.flags, stop.retired) == (("errors", "socket"), ("search",))
    assert served == {"search": Decimal(100), "errors": Decimal(0), "socket": Decimal(0)}
    assert status["search"] is ComponentStatus.COMPLETED
    assert status["errors"] is ComponentStatus.STOPPED


@pytest.mark.usefixtures("migration")
async def test_a_retired_component_does_not_roll_back(connection: AsyncConnection) -> None:
    with pytest.raises(Retired):
        await roll_back(connection, "search")
    assert (await flags.get(connection, environment=ENVIRONMENT, name="search")).served_percentage == Decimal(100)


@pytest.mark.usefixtures("migration")
async def test_a_retired_component_does_not_ramp_again(connection: AsyncConnection) -> None:
    with pytest.raises(Retired):
        await begun_run(connection, "search")
    with pytest.raises(Retired):
        await started_migration(connection, ["search"], name="another")


async def test_a_retired_component_is_complete_in_the_next_migration(
    connection: AsyncConnection, migration: Migration
) -> None:
    await stops.stop(connection, environment=ENVIRONMENT, migration_id=migration.id, actor="ann", reason="fire")
    again = await started_migration(connection, ["search", "errors"])
    status = {part.name: part.status for part in await components.list(connection, migration_id=again.id)}
    assert status["search"] is ComponentStatus.COMPLETED
    assert status["errors"] is ComponentStatus.PENDING


@pytest.mark.usefixtures("migration")
async def test_retiring_twice_is_retiring_once(connection: AsyncConnection) -> None:
    (first,) = await retirements.list(connection, environment=ENVIRONMENT)
    assert await retire(connection) == first
    rows = await audit.find_all(connection, environment=ENVIRONMENT, kind="retirement")
    assert [(row.action, row.key, row.actor, row.reason) for row in rows] == [
        ("component.retire", "search", "ann", "legacy is deleted")
    ]


@pytest.mark.usefixtures("migration")
async def test_a_ramping_component_is_not_retired(connection: AsyncConnection) -> None:
    with pytest.raises(NotComplete):
        await retire(connection, "socket")


async def test_a_component_that_is_complete_for_some_only_is_not_retired(connection: AsyncConnection) -> None:
    migration = await started_migration(connection, ["search"])
    some = FlagPlan(conditions=Conditions(user_groups=("beta-testers",)), allow_conditional=True)
    await completed_run(connection, migration_id=migration.id, flag=some)
    with pytest.raises(NotComplete):
        await retire(connection)


async def test_an_unknown_component_is_not_retired(connection: AsyncConnection) -> None:
    with pytest.raises(UnknownComponent):
        await retire(connection, "nothing")
