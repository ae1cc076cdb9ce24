"""Who is behind a stop, and which flags they may still serve without a lease."""

from collections.abc import Mapping
from decimal import Decimal
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.flags import Flag
from crossfade.states import Variant
from store import acknowledgements, clients, control, flags, replicas, stops
from store.flags import Change
from tests.builders import ENVIRONMENT, completed_run, served_run


async def put(connection: AsyncConnection, name: str, change: Change, environment: str = ENVIRONMENT) -> int:
    flag = await flags.put(connection, environment=environment, name=name, change=change, actor="ann", reason="")
    return flag.revision


async def lasting(connection: AsyncConnection, *names: str) -> Mapping[str, int]:
    state = await control.get(connection, ENVIRONMENT)
    return await acknowledgements.lasting(connection, environment=ENVIRONMENT, flags=names, revision=state.revision)


async def serving(connection: AsyncConnection, name: str, epoch: int, *, is_replica: bool = False) -> None:
    served = {"revision": 3, "epoch": epoch}
    if is_replica:
        await replicas.confirm(connection, environment=ENVIRONMENT, replica=name, process=uuid4(), **served)
    else:
        await clients.confirm(connection, environment=ENVIRONMENT, client_id=name, replica="r", **served)


async def test_a_look_counts_who_has_the_epoch_and_names_who_is_behind_with_its_age(
    connection: AsyncConnection,
) -> None:
    for name, epoch in (("a", 7), ("b", 6), ("c", 8)):
        await serving(connection, f"r-{name}", epoch, is_replica=True)
        await serving(connection, f"c-{name}", epoch)
    await connection.execute(text("update sdk_clients set seen_at = seen_at - interval '9 days'"))
    found = await acknowledgements.look(connection, environment=ENVIRONMENT, epoch=7)
    assert (found.replicas_confirmed, found.clients_confirmed) == (2, 2)
    assert [(one.name, one.revision) for one in (*found.replicas, *found.clients)] == [("r-b", 3), ("c-b", 3)]
    assert 0 <= found.replicas[0].age < 3600
    assert found.clients[0].age >= 9 * 86400


async def test_a_look_sees_its_own_environment_only(connection: AsyncConnection) -> None:
    await serving(connection, "a", 1)
    found = await acknowledgements.look(connection, environment="staging", epoch=7)
    assert (found.replicas, found.clients, found.replicas_confirmed, found.clients_confirmed) == ((), (), 0, 0)


async def test_a_complete_flag_lasts_until_the_revision_that_closes_it(connection: AsyncConnection) -> None:
    await completed_run(connection, "search")
    assert await lasting(connection, "search") == {}
    stopped = await stops.stop(connection, environment=ENVIRONMENT, migration_id=None, actor="ann", reason="fire")
    assert await lasting(connection, "search", "unknown") == {"search": stopped.revision}
    assert await lasting(connection) == {}


async def test_a_flag_that_was_only_ever_served_by_a_live_run_does_not_last(connection: AsyncConnection) -> None:
    await served_run(connection, "search", percentage=50)
    await stops.stop(connection, environment=ENVIRONMENT, migration_id=None, actor="ann", reason="fire")
    assert await lasting(connection, "search") == {}


async def test_a_flag_lowered_long_before_the_stop_lasted_until_then(connection: AsyncConnection) -> None:
    await put(connection, "search", Change(enabled=True, percentage=Decimal(30)))
    lowered = await put(connection, "search", Change(enabled=False))
    await put(connection, "other", Change(enabled=True, percentage=Decimal(30)))
    await stops.stop(connection, environment=ENVIRONMENT, migration_id=None, actor="ann", reason="fire")
    assert await lasting(connection, "search") == {"search": lowered}


async def test_an_override_lasts_like_a_percentage_and_legacy_overrides_do_not(connection: AsyncConnection) -> None:
    await control.lock(connection, ENVIRONMENT)
    for name, variant in (("candidate", Variant.CANDIDATE), ("legacy", Variant.LEGACY)):
        flag = Flag(name=name, environment=ENVIRONMENT, percentage=Decimal(0), overrides={"u-1": variant})
        await flags.publish(connection, flag, action="flag.put", actor="ann", reason="")
    await stops.stop(connection, environment=ENVIRONMENT, migration_id=None, actor="ann", reason="fire")
    assert list(await lasting(connection, "candidate", "legacy")) == ["candidate"]
