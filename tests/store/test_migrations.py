import hashlib
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import ComponentIsLive, Fenced, MigrationIsLive, UnknownComponent, UnknownMigration
from crossfade.states import ComponentStatus, MigrationStatus, PhaseStatus
from store import audit, components, flags, migrations, outbox, phases, runs
from store.flags import Change
from store.identifiers import uuid7
from store.migrations import Migration
from tests.builders import ENVIRONMENT, completed_run, effect, judge, plan, served_run, started_migration


async def end(connection: AsyncConnection, migration: Migration, status: MigrationStatus) -> Migration:
    return await migrations.set_status(connection, migration_id=migration.id, status=status, actor="crossfade")


async def statuses(connection: AsyncConnection, migration: Migration) -> dict[str, ComponentStatus]:
    found = await components.list(connection, migration_id=migration.id)
    return {part.name: part.status for part in found}


async def test_a_migration_keeps_its_plan_and_text(connection: AsyncConnection) -> None:
    wanted = plan(["search", "errors"], ["socket"])
    created = await migrations.create(connection, plan=wanted, text=b"kind: plan", actor="ann")
    stored = await migrations.get(connection, created.id)
    assert stored == created
    assert stored.plan == wanted
    assert (stored.plan_text, stored.digest) == ("kind: plan", hashlib.sha256(b"kind: plan").hexdigest())


async def test_a_migration_starts_with_its_phases_and_components_pending(connection: AsyncConnection) -> None:
    migration = await started_migration(connection, ["search", "errors"], ["socket"])
    found = await phases.list(connection, migration_id=migration.id)
    assert [(phase.name, phase.status) for phase in found] == [
        ("phase-1", PhaseStatus.PENDING),
        ("phase-2", PhaseStatus.PENDING),
    ]
    parts = await components.list(connection, migration_id=migration.id)
    assert [(part.name, part.phase, part.position) for part in parts] == [
        ("search", "phase-1", 1),
        ("errors", "phase-1", 2),
        ("socket", "phase-2", 3),
    ]
    assert parts[0].plan == migration.plan.phases[0].components[0]


async def test_starting_a_migration_goes_through_the_outbox(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    (message,) = await outbox.take(connection)
    assert (message.kind, message.name, message.workflow_id) == ("start", "Migration", "migration/test/library")
    assert message.payload["migration_id"] == str(migration.id)


async def test_a_live_name_is_refused_with_the_id_of_the_live_one(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    with pytest.raises(MigrationIsLive) as refused:
        await started_migration(connection)
    assert refused.value.detail == str(migration.id)


async def test_a_component_that_is_live_elsewhere_is_refused(connection: AsyncConnection) -> None:
    await served_run(connection, "search")
    with pytest.raises(ComponentIsLive, match="search"):
        await started_migration(connection)


async def test_numbers_count_the_migrations_of_a_name_in_an_environment(connection: AsyncConnection) -> None:
    first = await started_migration(connection)
    await end(connection, first, MigrationStatus.ABORTED)
    second = await started_migration(connection)
    elsewhere = await started_migration(connection, environment="staging")
    assert (first.number, second.number, elsewhere.number) == (1, 2, 1)
    assert [found.id for found in await migrations.list(connection, environment=ENVIRONMENT)] == [
        second.id,
        first.id,
    ]
    assert [found.id for found in await migrations.live(connection, ENVIRONMENT)] == [second.id]


async def test_what_is_complete_and_on_stays_complete_in_the_next_migration(connection: AsyncConnection) -> None:
    first = await started_migration(connection, ["search", "errors", "orm"])
    done = await completed_run(connection, "search", migration_id=first.id)
    await completed_run(connection, "errors", migration_id=first.id)
    await flags.put(
        connection,
        environment=ENVIRONMENT,
        name="errors",
        change=Change(percentage=Decimal(0)),
        actor="ann",
        reason="again",
    )
    await end(connection, first, MigrationStatus.ABORTED)
    second = await started_migration(connection, ["search", "errors", "orm"])
    assert await statuses(connection, second) == {
        "search": ComponentStatus.COMPLETED,
        "errors": ComponentStatus.PENDING,
        "orm": ComponentStatus.PENDING,
    }
    carried = await components.get(connection, migration_id=second.id, name="search")
    assert carried.run_id == done.id


async def test_a_status_is_audited_once_and_its_time_noted(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    where: dict[str, Any] = {"migration_id": migration.id, "actor": "crossfade", "effect": "run"}
    running = await migrations.set_status(connection, **where, status=MigrationStatus.RUNNING)
    assert await migrations.set_status(connection, **where, status=MigrationStatus.RUNNING) == running
    rows = await audit.find_all(connection, environment=ENVIRONMENT, kind="migration")
    assert [row.action for row in rows] == ["migration.running", "migration.pending"]
    assert running.started_at is not None
    ended = await end(connection, migration, MigrationStatus.COMPLETED)
    assert (ended.status, ended.finished_at is not None) == (MigrationStatus.COMPLETED, True)


async def test_an_ended_migration_stays_ended(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    await end(connection, migration, MigrationStatus.COMPLETED)
    with pytest.raises(Fenced):
        await end(connection, migration, MigrationStatus.RUNNING)
    with pytest.raises(UnknownMigration):
        await migrations.get(connection, uuid7())


async def test_an_ended_phase_stays_ended(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    where: dict[str, Any] = {"migration_id": migration.id, "name": "phase-1", "actor": "crossfade"}
    await phases.set_status(connection, **where, status=PhaseStatus.RUNNING, effect=effect())
    await phases.set_status(connection, **where, status=PhaseStatus.COMPLETED, effect=effect())
    stored = await phases.get(connection, migration_id=migration.id, name="phase-1")
    assert stored.started_at is not None
    assert stored.finished_at is not None
    with pytest.raises(Fenced):
        await phases.set_status(connection, **where, status=PhaseStatus.RUNNING, effect=effect())


async def test_what_a_component_waits_for_is_no_change_of_state(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    before = await audit.find_all(connection, environment=ENVIRONMENT)
    await components.note(connection, migration_id=migration.id, name="search", waiting_for="412 of 500 requests")
    part = await components.get(connection, migration_id=migration.id, name="search")
    assert part.waiting_for == "412 of 500 requests"
    assert await audit.find_all(connection, environment=ENVIRONMENT) == before


async def test_a_component_whose_run_has_moved_on_no_longer_waits(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    run = await served_run(connection, percentage=100, migration_id=migration.id)
    await judge(connection, run)
    await components.note(connection, migration_id=migration.id, name="search", waiting_for="10 s of hold")
    await runs.complete(connection, run_id=run.id, epoch=run.epoch, actor="crossfade", effect=effect())
    assert (await components.get(connection, migration_id=migration.id, name="search")).waiting_for is None


async def test_a_component_follows_its_run_from_ramp_to_completion(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    run = await completed_run(connection, migration_id=migration.id)
    rows = await audit.find_all(connection, environment=ENVIRONMENT, kind="component")
    assert [row.action for row in reversed(rows)] == [
        "component.pending",
        "component.ramping",
        "component.completed",
    ]
    part = await components.get(connection, migration_id=migration.id, name="search")
    assert (part.run_id, part.status) == (run.id, ComponentStatus.COMPLETED)
    assert part.started_at is not None
    assert part.finished_at is not None


async def test_the_newest_migration_of_a_component_is_found(connection: AsyncConnection) -> None:
    first = await started_migration(connection)
    await end(connection, first, MigrationStatus.ABORTED)
    second = await started_migration(connection)
    part = await components.latest(connection, environment=ENVIRONMENT, name="search")
    assert part.migration_id == second.id
    with pytest.raises(UnknownComponent):
        await components.latest(connection, environment="staging", name="search")
