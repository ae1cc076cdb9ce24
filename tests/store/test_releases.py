"""The end of a stop, with and without putting back what was complete."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import NotStopped
from crossfade.flags import Conditions, Flag
from crossfade.states import ComponentStatus, Variant
from store import audit, components, control, flags, releases, retirements, stops
from store.flags import Change
from store.migrations import Migration
from store.releases import Release, Restore
from store.stops import Stop
from tests.builders import ENVIRONMENT, completed_run, roll_back, served_run, started_migration


async def stop(connection: AsyncConnection, migration: Migration | None = None) -> Stop:
    migration_id = None if migration is None else migration.id
    return await stops.stop(connection, environment=ENVIRONMENT, migration_id=migration_id, actor="ann", reason="fire")


async def release(connection: AsyncConnection, restore: Restore = "completed") -> Release:
    return await releases.release(connection, environment=ENVIRONMENT, actor="eve", reason="fixed", restore=restore)


async def put(connection: AsyncConnection, name: str, change: Change) -> None:
    await flags.put(connection, environment=ENVIRONMENT, name=name, change=change, actor="ann", reason="")


async def flag(connection: AsyncConnection, name: str) -> Flag:
    return await flags.get(connection, environment=ENVIRONMENT, name=name)


async def complete(connection: AsyncConnection, *names: str) -> Migration:
    """A migration whose first components are complete, the last one with conditions and overrides of its own."""
    migration = await started_migration(connection, [*names, "live"])
    for name in names:
        await completed_run(connection, name, migration_id=migration.id)
    overrides = {"u-1": Variant.LEGACY, "u-2": Variant.CANDIDATE}
    change = Change(conditions=Conditions(user_groups=("beta",)), overrides=overrides, fallback_enabled=False)
    await put(connection, names[-1], change)
    await served_run(connection, "live", percentage=25, migration_id=migration.id)
    return migration


async def test_a_release_restores_no_traffic_and_allows_a_new_start(connection: AsyncConnection) -> None:
    await complete(connection, "search")
    stopped = await stop(connection)
    released = await release(connection, "none")
    assert not (await control.get(connection, ENVIRONMENT)).is_stopped
    assert (released.epoch, released.restored, released.left) == (stopped.epoch + 1, (), ("search",))
    assert {found.served_percentage for found in await flags.all(connection, ENVIRONMENT)} == {Decimal(0)}
    again = await started_migration(connection, ["search", "errors"])
    parts = await components.list(connection, migration_id=again.id)
    assert {part.status for part in parts} == {ComponentStatus.PENDING}


async def test_what_was_complete_goes_back_to_exactly_what_it_was(connection: AsyncConnection) -> None:
    migration = await complete(connection, "search", "errors")
    before = {found.name: found for found in await flags.all(connection, ENVIRONMENT)}
    await stop(connection)
    released = await release(connection)
    after = {found.name: found for found in await flags.all(connection, ENVIRONMENT)}
    assert (released.restored, released.left) == (("errors", "search"), ())
    for name in ("search", "errors"):
        assert after[name].revision > before[name].revision
        assert replace(after[name], revision=0, epoch=0) == replace(before[name], revision=0, epoch=0)
        assert after[name].epoch == released.epoch
    assert after["live"].served_percentage == 0
    parts = await components.list(connection, migration_id=migration.id)
    assert {part.name: part.status for part in parts} == {
        "search": ComponentStatus.COMPLETED,
        "errors": ComponentStatus.COMPLETED,
        "live": ComponentStatus.STOPPED,
    }


async def test_what_is_put_back_is_skipped_by_the_next_migration(connection: AsyncConnection) -> None:
    await complete(connection, "search")
    await stop(connection)
    await release(connection)
    again = await started_migration(connection, ["search", "errors"])
    parts = await components.list(connection, migration_id=again.id)
    assert [part.status for part in parts] == [ComponentStatus.COMPLETED, ComponentStatus.PENDING]


async def test_each_part_of_a_release_is_audited(connection: AsyncConnection) -> None:
    await complete(connection, "search")
    await stop(connection)
    last = max(row.sequence for row in await audit.find_all(connection, environment=ENVIRONMENT))
    await release(connection)
    rows = await audit.find_all(connection, environment=ENVIRONMENT)
    written = [(row.action, row.actor, row.reason) for row in rows if row.sequence > last]
    assert sorted(written) == [
        ("component.completed", "eve", "fixed"),
        ("stop.release", "eve", "fixed"),
        ("stop.restore", "eve", "fixed"),
    ]


async def test_a_second_stop_loses_nothing_of_what_the_first_has_closed(connection: AsyncConnection) -> None:
    await complete(connection, "search")
    await stop(connection)
    await stop(connection)
    assert (await release(connection)).restored == ("search",)
    assert (await flag(connection, "search")).served_percentage == 100


async def test_what_somebody_has_done_since_the_stop_stands(connection: AsyncConnection) -> None:
    await complete(connection, "changed", "rolled-back", "kept")
    await stop(connection)
    await put(connection, "changed", Change(fallback_enabled=False))
    await roll_back(connection, "rolled-back")
    released = await release(connection)
    assert (released.restored, released.left) == (("kept",), ("changed", "rolled-back"))
    assert (await flag(connection, "changed")).served_percentage == 0
    assert (await flag(connection, "rolled-back")).served_percentage == 0


async def test_what_was_not_complete_for_everybody_is_not_put_back(connection: AsyncConnection) -> None:
    await complete(connection, "lowered", "retired", "search")
    await put(connection, "lowered", Change(percentage=Decimal(99)))
    await put(connection, "by-hand", Change(enabled=True, percentage=Decimal(100)))
    words = {"environment": ENVIRONMENT, "actor": "ann", "reason": "deleted"}
    await retirements.retire(connection, component="retired", **words)
    await stop(connection)
    released = await release(connection)
    assert (released.restored, released.left) == (("search",), ())
    assert (await flag(connection, "retired")).served_percentage == 100
    assert (await flag(connection, "by-hand")).served_percentage == 0


async def test_what_a_migrations_own_stop_has_closed_is_not_put_back_by_a_later_release(
    connection: AsyncConnection,
) -> None:
    migration = await complete(connection, "search")
    await stop(connection, migration)
    await stop(connection)
    assert (await release(connection)).restored == ()


async def test_what_a_migrations_own_stop_has_closed_since_is_not_put_back(connection: AsyncConnection) -> None:
    migration = await complete(connection, "search")
    await stop(connection)
    await stop(connection, migration)
    await stop(connection)
    released = await release(connection)
    assert (released.restored, released.left) == ((), ())
    assert (await flag(connection, "search")).served_percentage == 0


async def test_without_a_stop_there_is_nothing_to_release(connection: AsyncConnection) -> None:
    migration = await complete(connection, "search")
    with pytest.raises(NotStopped):
        await release(connection)
    await stop(connection, migration)
    with pytest.raises(NotStopped):
        await release(connection)
    await stop(connection)
    await release(connection)
    with pytest.raises(NotStopped):
        await release(connection)
