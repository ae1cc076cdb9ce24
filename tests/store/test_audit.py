from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.states import ComponentStatus, MigrationStatus, PhaseStatus, RollbackState, Verdict
from store import (
    audit,
    components,
    flags,
    inter_phase,
    migrations,
    phases,
    releases,
    rollbacks,
    runs,
    stops,
    validations,
)
from store.audit import Entry
from store.flags import Change
from store.migrations import Migration
from store.validations import Request, Result
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
from tests.store.replay import assert_audited

ENTRY = Entry(environment=ENVIRONMENT, kind="thing", key="a", action="thing.made", actor="ann", after={"n": 1})


async def test_versions_count_each_aggregate_without_gaps(connection: AsyncConnection) -> None:
    await audit.append(connection, ENTRY, replace(ENTRY, key="b"), ENTRY)
    await audit.append(connection, ENTRY)
    rows = await audit.find_all(connection, environment=ENVIRONMENT)
    assert [(row.sequence, row.key, row.version) for row in reversed(rows)] == [
        (1, "a", 1),
        (2, "b", 1),
        (3, "a", 2),
        (4, "a", 3),
    ]


async def test_an_effect_happens_once(connection: AsyncConnection) -> None:
    await audit.append(connection, replace(ENTRY, effect="once"))
    found = await audit.find(connection, environment=ENVIRONMENT, effect="once")
    assert found is not None
    assert found.after == {"n": 1}
    with pytest.raises(IntegrityError, match="uq_audit_log_effect"):
        await audit.append(connection, replace(ENTRY, effect="once"))


async def test_an_effect_belongs_to_its_environment(connection: AsyncConnection) -> None:
    await audit.append(connection, replace(ENTRY, effect="once"))
    assert await audit.find(connection, environment="staging", effect="once") is None
    await audit.append(connection, replace(ENTRY, environment="staging", effect="once"))
    assert await audit.first_broken(connection, "staging") is None


@pytest.mark.parametrize(
    "statement", ["update audit_log set actor = 'eve'", "delete from audit_log", "truncate audit_log"]
)
async def test_the_database_itself_refuses_to_change_the_audit(connection: AsyncConnection, statement: str) -> None:
    await audit.append(connection, ENTRY)
    with pytest.raises(DBAPIError, match="append-only"):
        await connection.execute(text(statement))


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("update audit_log set actor = 'eve' where sequence = 2", 2),
        ("update audit_log set after = '{\"n\": 9}' where sequence = 3", 3),
        ("delete from audit_log where sequence = 2", 2),
        ("delete from audit_log where sequence = 4", 4),
        ("update control set audit_length = 3", 5),
    ],
)
async def test_the_chain_shows_what_was_tampered_with(connection: AsyncConnection, tampering: str, broken: int) -> None:
    for number in range(4):
        await audit.append(connection, replace(ENTRY, after={"n": number}))
    assert await audit.first_broken(connection, ENVIRONMENT) is None
    await connection.execute(text("alter table audit_log disable trigger all"))
    await connection.execute(text(tampering))
    assert await audit.first_broken(connection, ENVIRONMENT) == broken


@pytest.mark.parametrize(
    "value", [0.1, 1e-7, 1e22, 100.0, Decimal("12.345"), -0.0, float("nan"), "ü\u2028", {"b": [1.0, None], "a": True}]
)
async def test_the_chain_holds_for_every_value(connection: AsyncConnection, value: object) -> None:
    await audit.append(connection, replace(ENTRY, before={"v": value}, after={"v": [value]}))
    assert await audit.first_broken(connection, ENVIRONMENT) is None


async def test_replaying_the_audit_gives_the_state(connection: AsyncConnection) -> None:
    """A ramp to the end, a rollback, a hold, a validation, a stop: everything that changes state."""
    migration = await started_migration(connection, ["search", "errors", "orm", "socket"])
    await begin(connection, migration.id)
    await completed_run(connection, "search", migration_id=migration.id)
    await flags.put(
        connection,
        environment=ENVIRONMENT,
        name="errors",
        change=Change(enabled=True, percentage=Decimal("0.125")),
        actor="ann",
        reason="",
    )
    await rolled_back_run(connection, migration)
    await validated_run(connection, migration)
    await begun_run(connection, "socket", migration_id=migration.id)
    await stops.stop(connection, environment=ENVIRONMENT, migration_id=migration.id, actor="ann", reason="fire")
    await stops.stop(connection, environment=ENVIRONMENT, migration_id=None, actor="ann", reason="fire")
    await releases.release(connection, environment=ENVIRONMENT, actor="eve", reason="fixed")
    await assert_audited(connection, ENVIRONMENT)


async def test_the_replay_notices_a_change_without_audit(connection: AsyncConnection) -> None:
    await served_run(connection)
    await connection.execute(text("update feature_flags set ceiling = 5"))
    with pytest.raises(AssertionError):
        await assert_audited(connection, ENVIRONMENT)


async def begin(connection: AsyncConnection, migration_id: UUID) -> None:
    where: dict[str, Any] = {"migration_id": migration_id, "actor": "crossfade"}
    await migrations.set_status(connection, **where, status=MigrationStatus.RUNNING, effect=effect())
    await phases.set_status(connection, **where, name="phase-1", status=PhaseStatus.RUNNING, effect=effect())
    await components.set_status(connection, **where, name="search", status=ComponentStatus.PAUSED, effect=effect())
    await components.note(connection, migration_id=migration_id, name="search", waiting_for="a person")
    await inter_phase.record(
        connection,
        inter_phase.Check(
            environment=ENVIRONMENT,
            migration_id=migration_id,
            phase="phase-1",
            name="selfcheck",
            type="http",
            verdict=Verdict.PASS,
            evidence={"status": 200},
        ),
    )


async def rolled_back_run(connection: AsyncConnection, migration: Migration) -> None:
    await served_run(connection, "errors", migration_id=migration.id)
    rollback = await roll_back(connection, "errors", restore="previous")
    words: dict[str, Any] = {"rollback_id": rollback.id, "epoch": rollback.epoch}
    await rollbacks.disable_flag(connection, **words)
    await rollbacks.restore_configuration(connection, **words)
    await rollbacks.finish(connection, **words, state=RollbackState.COMPLETED)


async def validated_run(connection: AsyncConnection, migration: Migration) -> None:
    run = await served_run(connection, "orm", migration_id=migration.id)
    request = Request(
        environment=ENVIRONMENT,
        component="orm",
        name="data",
        sample=300,
        max_mismatch=0.01,
        run_id=run.id,
        requested_by="ann",
    )
    checkpoint = await validations.open(connection, request)
    result = Result(verdict=Verdict.PASS, compared=300, evidence={})
    await validations.close(
        connection, environment=ENVIRONMENT, checkpoint_id=checkpoint.id, result=result, actor="crossfade"
    )
    await publish(connection, run, step=2, percentage=50)
    await runs.lower(
        connection, environment=ENVIRONMENT, component="orm", percentage=Decimal(20), actor="ann", reason="slower"
    )
    await runs.resume(
        connection, run_id=run.id, epoch=run.epoch, step=1, percentage=Decimal(10), actor="ann", effect=effect()
    )
