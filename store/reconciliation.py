"""What must run in Temporal while its row is live, how that is put right, and who looks after it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text

from crossfade.states import MigrationStatus, PhaseStatus, RollbackState, RunState
from store import control, migrations, outbox, phases, rollback_rows, rollbacks, runs
from store.documents import Document
from store.engine import AsyncConnection, AsyncEngine
from store.identifiers import uuid7
from store.outbox import Order
from store.rollback_rows import Rollback
from store.run_rows import Run
from store.tables import data_validation_checkpoints, migration_phases, rollback_events
from store.tables import migrations as migrations_table
from store.tables import outbox as outbox_table
from store.tables import runs as runs_table

FROZEN: Final = timedelta(seconds=8)
"""How long the one who leads may be silent before Postgres gives its turn to another."""
RUNS_ENDED = (RunState.ROLLED_BACK.value, RunState.STOPPED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A live migration."""

    id: UUID
    name: str
    status: MigrationStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """An open validation that a person has asked for, with a workflow of its own."""

    id: UUID
    component: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What is live in an environment.

    Attributes:
        ending: names of migrations that have ended, with a run that has not, by their ids.
        phases: (migration, phase) of every phase that a live migration has not ended.
        leftovers: ids of migrations that have ended, with a phase that has not.
        waiting: workflow ids with messages that are not delivered yet.
    """

    migrations: tuple[Migration, ...]
    ending: Mapping[UUID, str]
    phases: frozenset[tuple[str, str]]
    leftovers: tuple[UUID, ...]
    runs: tuple[Run, ...]
    rollbacks: tuple[Rollback, ...]
    validations: tuple[Validation, ...]
    waiting: frozenset[str]


class Turn:
    """The right to look after an environment, for as long as it is kept."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def keep(self) -> None:
        """Shows that its holder still goes on; an error of the driver says that the turn is lost."""
        await self._connection.execute(text("select 1"))


@asynccontextmanager
async def lead(engine: AsyncEngine, environment: str) -> AsyncIterator[Turn | None]:
    """Gives the turn to look after an environment, or None while another has it.

    It is a lock of a transaction that stays open: it ends with the process, and Postgres ends it when the process
    is frozen and does not keep it for `FROZEN`. The transaction reads nothing that would hold up a vacuum.
    """
    async with engine.connect() as connection, connection.begin():
        milliseconds = int(FROZEN.total_seconds() * 1000)
        await connection.execute(text(f"set local idle_in_transaction_session_timeout = {milliseconds}"))
        key = func.hashtextextended(f"crossfade/reconciler/{environment}", 0)
        taken = (await connection.execute(select(func.pg_try_advisory_xact_lock(key)))).scalar_one()
        yield Turn(connection) if taken else None


async def read(connection: AsyncConnection, environment: str, *, own: str) -> Rows:
    """Gives what is live; validations that `own`, the rollouts' actor, has asked for have no workflow of their own."""
    live = await _migrations(connection, environment)
    running = await runs.live(connection, environment)
    unended = await _phases(connection, environment)
    ids = {migration.id for migration in live}
    return Rows(
        migrations=live,
        ending=await _names(connection, {run.migration_id for run in running if run.migration_id} - ids),
        phases=frozenset((name, phase) for migration, name, phase in unended if migration in ids),
        leftovers=tuple(dict.fromkeys(migration for migration, _, _ in unended if migration not in ids)),
        runs=running,
        rollbacks=await _rollbacks(connection, environment),
        validations=await _validations(connection, environment, own),
        waiting=await _waiting(connection, environment),
    )


async def ended(connection: AsyncConnection, *, environment: str, effects: Sequence[str]) -> dict[str, Run]:
    """Gives the runs that these effects have begun and that have gone back, by effect."""
    mine = (runs_table.c.environment == environment, runs_table.c.effect.in_(effects))
    query = select(runs_table.c.id).where(*mine, runs_table.c.state.in_(RUNS_ENDED))
    found = await runs.find_all(connection, [*(await connection.execute(query)).scalars()])
    return {run.effect: run for run in found.values() if run.effect is not None}


async def start_again(connection: AsyncConnection, migration_id: UUID, *, actor: str, reason: str) -> None:
    """Queues the workflow of a live migration once more, with an audit row; paused, unless nothing had begun."""
    migration = await migrations.get(connection, migration_id)
    await control.lock(connection, migration.environment)
    migration = await migrations.get(connection, migration_id)
    if not migration.status.is_live:
        return
    payload: Document = {"migration_id": str(migration.id), "environment": migration.environment}
    payload |= {"name": migration.name, "summary": f"{migration.name} {migration.number}: {reason}"}
    if migration.status is not MigrationStatus.PENDING:
        payload["pauses"] = {"migration": {"actor": actor, "reason": reason, "level": "migration"}}
    effect = f"{migration.id}/restart/{uuid7()}"
    await migrations.record(
        connection, migration_id=migration.id, action="restart", actor=actor, reason=reason, effect=effect
    )
    where = (migration.environment, migration.workflow_id)
    await outbox.enqueue_all(connection, [Order(*where, "start", "Migration", payload)])


async def roll_on(connection: AsyncConnection, rollback: Rollback) -> None:
    """Queues the workflow of a running rollback once more."""
    await control.lock(connection, rollback.environment)
    now = await rollbacks.get(connection, rollback_id=rollback.id)
    if now.state is RollbackState.RUNNING:
        payload = {**rollbacks.message(now), "again": True}
        where = (now.environment, now.workflow_id)
        await outbox.enqueue_all(connection, [Order(*where, "start", "Rollback", payload)])


async def validate_on(connection: AsyncConnection, validation: Validation, *, environment: str) -> None:
    """Queues the workflow of an open validation once more."""
    payload: Document = {"environment": environment, "validation_id": str(validation.id)}
    payload |= {"component": validation.component, "again": True}
    where = (environment, f"validation/{environment}/{validation.id}")
    await outbox.enqueue_all(connection, [Order(*where, "start", "Validation", payload)])


async def end(connection: AsyncConnection, migration_id: UUID, *, actor: str, reason: str) -> None:
    """Ends a migration as aborted, if it is live, and every phase of it that has not ended."""
    environment = (await migrations.get(connection, migration_id)).environment
    await control.lock(connection, environment)
    migration = await migrations.get(connection, migration_id)
    words = {"actor": actor, "reason": reason}
    if migration.status.is_live:
        migration = await migrations.write(connection, migration, status=MigrationStatus.ABORTED, **words)
    every = await phases.list(connection, migration_id=migration_id)
    unfinished = [phase for phase in every if phase.status not in phases.ENDED]
    status = PhaseStatus.FAILED if migration.status is MigrationStatus.FAILED else PhaseStatus.ABORTED
    await phases.write_all(connection, unfinished, status=status, **words)


async def _migrations(connection: AsyncConnection, environment: str) -> tuple[Migration, ...]:
    table = migrations_table.c
    query = select(table.id, table.name, table.status).where(
        table.environment == environment, table.status.in_(migrations.LIVE)
    )
    rows = await connection.execute(query.order_by(table.id))
    return tuple(Migration(id=row.id, name=row.name, status=MigrationStatus(row.status)) for row in rows)


async def _names(connection: AsyncConnection, ids: set[UUID]) -> dict[UUID, str]:
    query = select(migrations_table.c.id, migrations_table.c.name).where(migrations_table.c.id.in_(ids))
    return {row.id: row.name for row in await connection.execute(query)}


async def _phases(connection: AsyncConnection, environment: str) -> list[tuple[UUID, str, str]]:
    migration, phase = migrations_table.c, migration_phases.c
    query = (
        select(migration.id, migration.name, phase.name.label("phase"))
        .join(migration_phases, phase.migration_id == migration.id)
        .where(migration.environment == environment, phase.status.not_in([state.value for state in phases.ENDED]))
        .order_by(migration.id, phase.position)
    )
    return [(row.id, row.name, row.phase) for row in await connection.execute(query)]


async def _rollbacks(connection: AsyncConnection, environment: str) -> tuple[Rollback, ...]:
    table = rollback_events.c
    mine = (table.environment == environment, table.state == RollbackState.RUNNING.value)
    return await rollback_rows.find_all(connection, *mine, limit=1000)


async def _validations(connection: AsyncConnection, environment: str, own: str) -> tuple[Validation, ...]:
    table = data_validation_checkpoints.c
    mine = (table.environment == environment, table.state == "open", table.requested_by != own)
    rows = await connection.execute(select(table.id, table.component).where(*mine).order_by(table.id))
    return tuple(Validation(id=row.id, component=row.component) for row in rows)


async def _waiting(connection: AsyncConnection, environment: str) -> frozenset[str]:
    table = outbox_table.c
    query = select(table.workflow_id).distinct().where(table.environment == environment, table.delivered_at.is_(None))
    return frozenset((await connection.execute(query)).scalars())
