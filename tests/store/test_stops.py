from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import Fenced, Stopped, UnknownMigration
from crossfade.percentages import ZERO
from crossfade.states import ComponentStatus, MigrationStatus, PhaseStatus, RollbackState, RollbackTrigger, RunState
from store import components, control, flags, migrations, outbox, phases, rollbacks, runs, stops
from store.flags import Change
from store.identifiers import uuid7
from store.migrations import Migration
from store.stops import Stop
from tests.builders import (
    ENVIRONMENT,
    begun_run,
    completed_run,
    effect,
    publish,
    roll_back,
    served_run,
    started_migration,
)


async def stop(connection: AsyncConnection, migration: Migration | None) -> Stop:
    return await stops.stop(
        connection,
        environment=ENVIRONMENT,
        migration_id=None if migration is None else migration.id,
        actor="ann",
        reason="fire",
    )


async def statuses(connection: AsyncConnection, migration: Migration) -> dict[str, ComponentStatus]:
    found = await components.list(connection, migration_id=migration.id)
    return {part.name: part.status for part in found}


async def test_a_stop_covers_completed_flags_of_its_migration_too(connection: AsyncConnection) -> None:
    migration = await started_migration(connection, ["search", "errors"], ["socket"])
    await completed_run(connection, "search", migration_id=migration.id)
    live = await served_run(connection, "errors", percentage=25, migration_id=migration.id)
    stopped = await stop(connection, migration)
    for flag in await flags.all(connection, ENVIRONMENT):
        assert (flag.enabled, flag.ceiling, flag.served_percentage, flag.shadow_share) == (False, ZERO, ZERO, ZERO)
        assert flag.epoch == stopped.epoch
    assert (stopped.flags, stopped.runs, stopped.migrations) == (("errors", "search"), (live.id,), (migration.id,))


async def test_a_stop_ends_the_migration_as_failed_with_everything_in_it(connection: AsyncConnection) -> None:
    migration = await started_migration(connection, ["search", "errors"], ["socket"])
    await completed_run(connection, "search", migration_id=migration.id)
    await served_run(connection, "errors", migration_id=migration.id)
    await stop(connection, migration)
    assert (await migrations.get(connection, migration.id)).status is MigrationStatus.FAILED
    found = await phases.list(connection, migration_id=migration.id)
    assert {phase.status for phase in found} == {PhaseStatus.FAILED}
    assert set((await statuses(connection, migration)).values()) == {ComponentStatus.STOPPED}


async def test_a_stop_begins_one_rollback_for_each_live_run(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    run = await served_run(connection, percentage=25, migration_id=migration.id)
    stopped = await stop(connection, migration)
    rollback = await rollbacks.get(connection, rollback_id=stopped.rollbacks[0])
    assert (rollback.run_id, rollback.trigger, rollback.from_percentage) == (run.id, RollbackTrigger.STOP, Decimal(25))
    assert rollback.epoch == stopped.epoch == (await runs.get(connection, run.id)).epoch
    assert (await roll_back(connection)).id == rollback.id


async def test_a_stopped_run_ends_as_stopped(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    run = await served_run(connection, migration_id=migration.id)
    stopped = await stop(connection, migration)
    assert (await runs.get(connection, run.id)).state is RunState.STOPPING
    await rollbacks.finish(
        connection, rollback_id=stopped.rollbacks[0], epoch=stopped.epoch, state=RollbackState.COMPLETED
    )
    assert (await runs.get(connection, run.id)).state is RunState.STOPPED
    assert await statuses(connection, migration) == {"search": ComponentStatus.STOPPED}


async def test_a_stop_queues_word_to_every_workflow(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    await served_run(connection, migration_id=migration.id)
    started = await outbox.take(connection)
    for message in started:
        await outbox.delivered(connection, [message.id])
    await stop(connection, migration)
    messages = await outbox.take(connection)
    assert [(each.kind, each.name, each.workflow_id) for each in messages] == [
        ("start", "Rollback", "rollback/test/search/1"),
        ("signal", "emergency_stop", "rollout/test/search"),
        ("signal", "emergency_stop", "migration/test/library"),
    ]


async def test_a_late_writer_is_fenced_by_a_stop(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    run = await served_run(connection, migration_id=migration.id)
    await stop(connection, migration)
    with pytest.raises(Fenced):
        await publish(connection, run, step=2, percentage=50)
    with pytest.raises(Fenced):
        await runs.complete(connection, run_id=run.id, epoch=run.epoch, actor="crossfade", effect=effect())


async def test_late_statuses_are_fenced_by_a_stop(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    await stop(connection, migration)
    where: dict[str, Any] = {"migration_id": migration.id, "actor": "crossfade"}
    with pytest.raises(Fenced):
        await migrations.set_status(connection, **where, status=MigrationStatus.RUNNING)
    with pytest.raises(Fenced):
        await phases.set_status(connection, **where, name="phase-1", status=PhaseStatus.RUNNING)
    with pytest.raises(Fenced):
        await components.set_status(connection, **where, name="search", status=ComponentStatus.PENDING)


async def test_a_stop_of_one_migration_leaves_the_others_alone(connection: AsyncConnection) -> None:
    mine = await started_migration(connection, ["search"], name="mine")
    other = await started_migration(connection, ["search", "errors"], name="other")
    await served_run(connection, "search", percentage=25, migration_id=other.id)
    await served_run(connection, "errors", percentage=25, migration_id=other.id)
    stopped = await stop(connection, mine)
    assert stopped.flags == ()
    assert {flag.served_percentage for flag in await flags.all(connection, ENVIRONMENT)} == {Decimal(25)}
    assert (await migrations.get(connection, other.id)).status is MigrationStatus.PENDING


async def test_a_stop_of_one_migration_leaves_nothing_in_force(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    await stop(connection, migration)
    assert not (await control.get(connection, ENVIRONMENT)).is_stopped
    again = await started_migration(connection)
    assert (again.number, again.status) == (2, MigrationStatus.PENDING)


async def test_a_stop_of_the_environment_stops_flags_that_belong_to_nothing(connection: AsyncConnection) -> None:
    change = Change(enabled=True, percentage=Decimal(30))
    await flags.put(connection, environment=ENVIRONMENT, name="search", change=change, actor="ann", reason="")
    await flags.put(connection, environment="staging", name="search", change=change, actor="ann", reason="")
    await served_run(connection, "errors")
    await stop(connection, None)
    assert {flag.served_percentage for flag in await flags.all(connection, ENVIRONMENT)} == {Decimal(0)}
    (elsewhere,) = await flags.all(connection, "staging")
    assert elsewhere.served_percentage == 30


async def test_while_the_environment_is_stopped_nothing_starts_or_rises(connection: AsyncConnection) -> None:
    await stop(connection, None)
    with pytest.raises(Stopped):
        await started_migration(connection)
    with pytest.raises(Stopped):
        await begun_run(connection)
    with pytest.raises(Stopped):
        await flags.put(
            connection,
            environment=ENVIRONMENT,
            name="search",
            change=Change(enabled=True),
            actor="ann",
            reason="",
        )


async def test_the_database_itself_refuses_to_raise_during_a_stop(connection: AsyncConnection) -> None:
    change = Change(enabled=True, percentage=Decimal(30))
    await flags.put(connection, environment=ENVIRONMENT, name="search", change=change, actor="ann", reason="")
    await stop(connection, None)
    with pytest.raises(IntegrityError, match="a stop is in force"):
        await connection.execute(text("update feature_flags set enabled = true, ceiling = 1"))


async def test_a_run_that_rolls_back_already_goes_on_doing_so(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    run = await served_run(connection, migration_id=migration.id)
    rollback = await roll_back(connection)
    stopped = await stop(connection, migration)
    assert stopped.runs == ()
    await rollbacks.restore_configuration(connection, rollback_id=rollback.id, epoch=rollback.epoch)
    await rollbacks.finish(connection, rollback_id=rollback.id, epoch=rollback.epoch, state=RollbackState.COMPLETED)
    assert (await runs.get(connection, run.id)).state is RunState.ROLLED_BACK
    assert await statuses(connection, migration) == {"search": ComponentStatus.ROLLED_BACK}


async def test_stopping_twice_changes_no_run_twice(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    run = await served_run(connection, migration_id=migration.id)
    first = await stop(connection, migration)
    second = await stop(connection, migration)
    assert (second.runs, second.rollbacks, second.migrations) == ((), (), ())
    assert (await runs.get(connection, run.id)).epoch == first.epoch


async def test_a_migration_of_another_environment_is_unknown(connection: AsyncConnection) -> None:
    migration = await started_migration(connection, environment="staging")
    with pytest.raises(UnknownMigration):
        await stop(connection, migration)
    with pytest.raises(UnknownMigration):
        await stops.stop(connection, environment=ENVIRONMENT, migration_id=uuid7(), actor="ann", reason="")
