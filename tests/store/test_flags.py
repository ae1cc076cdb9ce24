import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from crossfade.errors import ComponentIsLive, InvalidFlag, PreconditionFailed, UnknownFlag
from crossfade.flags import AttributeCondition, Conditions, Flag
from crossfade.percentages import ZERO
from crossfade.states import Variant
from store import audit, flags
from store.engine import LOST, listen
from store.flags import Change
from tests.builders import ENVIRONMENT, served_run


async def put(connection: AsyncConnection, name: str = "search", **changes: Any) -> Flag:
    expected = changes.pop("expected_revision", None)
    return await flags.put(
        connection,
        environment=ENVIRONMENT,
        name=name,
        change=Change(**changes),
        actor="ann",
        reason="",
        expected_revision=expected,
    )


async def test_a_flag_comes_back_exactly_as_it_was_put(connection: AsyncConnection) -> None:
    conditions = Conditions(
        environment=ENVIRONMENT,
        user_groups=("beta", "staff"),
        attributes={"country": AttributeCondition("in", ("DE", 1, 2.5, True, None))},
    )
    written = await put(
        connection,
        enabled=True,
        percentage=Decimal("33.333"),
        conditions=conditions,
        overrides={"u'); drop table runs; --": Variant.CANDIDATE},
        fallback_enabled=False,
        salt="pépper",
        targeting_key="accountId",
    )
    assert await flags.get(connection, environment=ENVIRONMENT, name="search") == written
    assert (written.percentage, written.ceiling, written.conditions) == (
        Decimal("33.333"),
        Decimal("33.333"),
        conditions,
    )


@pytest.mark.parametrize("percentage", ["0", "0.001", "0.1", "12.345", "99.999", "100"])
async def test_percentages_are_exact(connection: AsyncConnection, percentage: str) -> None:
    await put(connection, enabled=True, percentage=Decimal(percentage))
    (stored,) = await flags.all(connection, ENVIRONMENT)
    definition = (await connection.execute(text("select definition from flag_revisions"))).scalar_one()
    assert stored.served_percentage == Decimal(percentage)
    assert Decimal(str(definition["percentage"])) == Decimal(percentage)


async def test_a_new_flag_is_off_until_it_is_enabled(connection: AsyncConnection) -> None:
    written = await put(connection, percentage=Decimal(50))
    assert (written.enabled, written.served_percentage, written.ceiling) == (False, ZERO, Decimal(50))
    assert (await put(connection, enabled=True)).served_percentage == 50


async def test_an_unknown_flag_is_unknown(connection: AsyncConnection) -> None:
    await put(connection)
    with pytest.raises(UnknownFlag):
        await flags.get(connection, environment="staging", name="search")


async def test_putting_the_same_twice_publishes_once(connection: AsyncConnection) -> None:
    first = await put(connection, enabled=True, percentage=Decimal(5))
    assert await put(connection, enabled=True, percentage=Decimal(5)) == first
    assert len(await audit.find_all(connection, environment=ENVIRONMENT)) == 1


async def test_the_second_of_two_editors_of_one_revision_is_refused(connection: AsyncConnection) -> None:
    read = await put(connection, enabled=True, percentage=Decimal(5))
    await put(connection, percentage=Decimal(6), expected_revision=read.revision)
    with pytest.raises(PreconditionFailed):
        await put(connection, percentage=Decimal(7), expected_revision=read.revision)


async def test_a_person_does_not_set_a_flag_with_a_live_run_directly(connection: AsyncConnection) -> None:
    await served_run(connection)
    with pytest.raises(ComponentIsLive):
        await put(connection, percentage=Decimal(1))


async def test_the_salt_cannot_change_while_somebody_is_served(connection: AsyncConnection) -> None:
    await put(connection, enabled=True, percentage=Decimal(1))
    with pytest.raises(InvalidFlag, match="salt"):
        await put(connection, salt="pepper")
    await put(connection, percentage=Decimal(0))
    assert (await put(connection, salt="pepper")).salt == "pepper"


async def test_a_snapshot_has_all_flags_of_one_environment(connection: AsyncConnection) -> None:
    await put(connection, "b")
    last = await put(connection, "a")
    await flags.put(connection, environment="staging", name="c", change=Change(enabled=True), actor="ann", reason="")
    snapshot = await flags.snapshot(connection, ENVIRONMENT)
    assert [flag.name for flag in snapshot.flags] == ["a", "b"]
    assert (snapshot.revision, snapshot.epoch) == (last.revision, 0)
    assert await flags.snapshot(connection, "nowhere") == flags.Snapshot(0, 0, ())


async def test_listeners_are_told_the_environment_and_the_revision_after_the_commit(
    engine: AsyncEngine, database_url: str
) -> None:
    listener = listen(database_url)
    assert await anext(listener) == LOST
    async with engine.connect() as connection:
        await put(connection, "undone")
    async with engine.begin() as connection:
        written = await put(connection)
    told = json.loads(await asyncio.wait_for(anext(listener), 30))
    assert told == {"environment": ENVIRONMENT, "revision": written.revision}
    await listener.aclose()


async def test_a_listener_that_lost_its_connection_says_so_and_listens_again(
    engine: AsyncEngine, database_url: str
) -> None:
    listener = listen(database_url, retry_seconds=0.01)
    assert await anext(listener) == LOST
    listening = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'crossfade-listen'"
    async with engine.begin() as connection:
        await connection.execute(text(f"{listening} and datname = current_database()"))
    assert await asyncio.wait_for(anext(listener), 30) == LOST
    async with engine.begin() as connection:
        written = await put(connection)
    assert json.loads(await asyncio.wait_for(anext(listener), 30))["revision"] == written.revision
    await listener.aclose()
