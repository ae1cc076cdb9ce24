"""Emergency stops: one transaction after which nothing in scope serves candidate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import UnknownMigration
from crossfade.flags import Flag
from crossfade.percentages import ZERO
from crossfade.states import ComponentStatus, MigrationStatus, PhaseStatus, RollbackState, RollbackTrigger, RunState
from store import (
    audit,
    components,
    control,
    flags,
    migrations,
    outbox,
    phases,
    releases,
    retirements,
    rollbacks,
    run_rows,
)
from store.components import Component
from store.documents import Document
from store.identifiers import uuid7
from store.migrations import Migration
from store.rollback_rows import Rollback, RollbackStep
from store.run_rows import Run
from store.tables import control as control_table
from store.tables import runs

UNTOUCHED = frozenset(
    {ComponentStatus.SKIPPED, ComponentStatus.ROLLING_BACK, ComponentStatus.ROLLED_BACK, ComponentStatus.STOPPED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """What a stop has put to legacy: names of flags, live runs with the ids of their rollbacks, migrations.

    `retired` names the flags in scope that it left alone, since their legacy code is gone.
    """

    environment: str
    migration_id: UUID | None
    epoch: int
    revision: int
    stopped_at: datetime
    flags: tuple[str, ...]
    retired: tuple[str, ...]
    runs: tuple[UUID, ...]
    rollbacks: tuple[UUID, ...]
    migrations: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """Who stops what, and why, in which epoch."""

    environment: str
    migration_id: UUID | None
    actor: str
    reason: str
    epoch: int
    at: datetime


async def stop(
    connection: AsyncConnection, *, environment: str, migration_id: UUID | None, actor: str, reason: str
) -> Stop:
    """Stops one migration, its completed flags too, or the environment (`migration_id=None`).

    Only a stop of the environment stays in force, until `releases.release`; raises UnknownMigration.
    """
    await control.lock(connection, environment)
    stopped = await find_migrations(connection, environment, migration_id)
    epoch = await control.next_epoch(connection, environment)
    order = Order(environment, migration_id, actor, reason, epoch, await control.now(connection))
    async with audit.together(connection):
        await record(connection, order)
        parts = [part for each in stopped for part in await components.list(connection, migration_id=each.id)]
        turned = await turn_runs(connection, order)
        gone = await retirements.names(connection, environment)
        names, left = await close_flags(connection, order, parts, gone)
        if migration_id is not None:
            await releases.give_up(connection, environment=environment, names=names)
        begun = await begin_rollbacks(connection, order, turned)
        await fail(connection, order, stopped, gone)
        for _, run in turned:
            if run.migration_id not in {migration.id for migration in stopped}:
                await components.follow(connection, run, actor=actor, reason=reason)
        live = [migration for migration in stopped if migration.status.is_live]
        await queue(connection, order, live)
    return Stop(
        environment=environment,
        migration_id=migration_id,
        epoch=epoch,
        revision=(await control.get(connection, environment)).revision,
        stopped_at=order.at,
        flags=names,
        retired=left,
        runs=tuple(run.id for run, _ in turned),
        rollbacks=tuple(rollback.id for rollback in begun),
        migrations=tuple(migration.id for migration in live),
    )


async def find_migrations(
    connection: AsyncConnection, environment: str, migration_id: UUID | None
) -> tuple[Migration, ...]:
    """Gives the migrations in scope."""
    if migration_id is None:
        return await migrations.live(connection, environment)
    migration = await migrations.get(connection, migration_id)
    if migration.environment != environment:
        raise UnknownMigration(str(migration_id))
    return (migration,)


async def record(connection: AsyncConnection, order: Order) -> None:
    """Records the stop; one of the environment stays in force, with what its release may put back."""
    if order.migration_id is None:
        statement = update(control_table).where(control_table.c.environment == order.environment)
        values = {"stopped_at": order.at, "stop_reason": order.reason, "stop_actor": order.actor}
        await connection.execute(statement.values(values))
        await releases.keep(connection, environment=order.environment, at=order.at)
        await audit.append(connection, entry(order, action="stop.environment", after={"isStopped": True}))
        return
    after: Document = {"migration": str(order.migration_id)}
    await audit.append(connection, entry(order, action="stop.migration", after=after))


async def turn_runs(connection: AsyncConnection, order: Order) -> Sequence[tuple[Run, Run]]:
    """Moves the runs in scope to `stopping`; those that roll back already go on doing so."""
    conditions: list[ColumnElement[bool]] = [
        runs.c.environment == order.environment,
        runs.c.state.in_([state.value for state in run_rows.ADVANCING]),
    ]
    if order.migration_id is not None:
        conditions.append(runs.c.migration_id == order.migration_id)
    query = run_rows.query().where(*conditions).order_by(runs.c.id).with_for_update(of=runs, key_share=True)
    found = [run_rows.from_row(row) for row in (await connection.execute(query)).mappings()]
    turned = [(run, replace(run, state=RunState.STOPPING, epoch=order.epoch, percentage=ZERO)) for run in found]
    await run_rows.write_all(
        connection,
        [
            (before, after, run_rows.entry(after, action="run.stopping", actor=order.actor, reason=order.reason))
            for before, after in turned
        ],
    )
    return turned


async def close_flags(
    connection: AsyncConnection, order: Order, parts: Sequence[Component], retired: frozenset[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Disables the flags in scope under a ceiling of 0 and gives their names, then those of the retired ones.

    Flags with a live run of another migration are not in scope.
    """
    names = {part.name for part in parts} - await others(connection, order)
    existing = await flags.all(connection, order.environment)
    in_scope = [flag for flag in existing if order.migration_id is None or flag.name in names]
    chosen = [flag for flag in in_scope if flag.name not in retired]
    flag_entry = replace(entry(order, action="stop", after={}), kind="flag", after=None)
    changes = [(closing(flag, order.epoch), replace(flag_entry, key=flag.name)) for flag in chosen]
    await flags.publish_all(connection, changes)
    return tuple(flag.name for flag in chosen), tuple(flag.name for flag in in_scope if flag.name in retired)


def closing(flag: Flag, epoch: int) -> Flag:
    """Gives a flag as a stop leaves it."""
    return replace(flag, enabled=False, ceiling=ZERO, shadow_share=Decimal(0), epoch=epoch)


async def others(connection: AsyncConnection, order: Order) -> set[str]:
    """Gives the components whose live run belongs to another migration."""
    query = select(runs.c.component).where(
        runs.c.environment == order.environment,
        runs.c.state.in_(run_rows.LIVE),
        runs.c.migration_id.is_distinct_from(order.migration_id),
    )
    return set((await connection.execute(query)).scalars())


async def begin_rollbacks(
    connection: AsyncConnection, order: Order, turned: Sequence[tuple[Run, Run]]
) -> Sequence[Rollback]:
    """Begins the rollback of each run that was turned."""
    begun = [
        Rollback(
            id=uuid7(),
            environment=order.environment,
            component=run.component,
            run_id=run.id,
            attempt=run.attempt,
            epoch=order.epoch,
            trigger=RollbackTrigger.STOP,
            state=RollbackState.RUNNING,
            actor=order.actor,
            reason=order.reason,
            evidence={"stop": order.epoch},
            from_percentage=before.percentage,
            to_percentage=ZERO,
            restore=None,
            former_configuration=run.former_configuration,
            started_at=order.at,
            steps=tuple(RollbackStep(name=name) for name in run.plan.rollback.steps),
        )
        for before, run in turned
    ]
    await rollbacks.insert_all(connection, begun, actor=order.actor)
    await rollbacks.queue(connection, *begun, signal="emergency_stop")
    return begun


async def fail(
    connection: AsyncConnection, order: Order, stopped: Sequence[Migration], retired: frozenset[str]
) -> None:
    """Ends the live migrations as `failed` with their phases; components are `stopped`, completed ones too.

    Retired components stay as they are.
    """
    words = {"actor": order.actor, "reason": order.reason}
    for migration in stopped:
        if migration.status.is_live:
            await migrations.write(connection, migration, status=MigrationStatus.FAILED, **words)
        every = await phases.list(connection, migration_id=migration.id)
        unfinished = [phase for phase in every if phase.status not in phases.ENDED]
        await phases.write_all(connection, unfinished, status=PhaseStatus.FAILED, **words)
        parts = await components.list(connection, migration_id=migration.id)
        chosen = [part for part in parts if part.status not in UNTOUCHED and part.name not in retired]
        await components.stop_all(connection, chosen, **words)


async def queue(connection: AsyncConnection, order: Order, live: Sequence[Migration]) -> None:
    """Queues word to the workflows of the migrations."""
    for migration in live:
        await outbox.enqueue(
            connection,
            environment=order.environment,
            workflow_id=migration.workflow_id,
            kind="signal",
            name="emergency_stop",
            payload={"actor": order.actor, "reason": order.reason, "epoch": order.epoch},
            request_id=f"{migration.id}/stop/{order.epoch}",
        )


def entry(order: Order, *, action: str, after: Document) -> audit.Entry:
    """Gives the audit entry of a stop."""
    return audit.Entry(
        environment=order.environment,
        kind="stop",
        key=str(order.migration_id or order.environment),
        action=action,
        actor=order.actor,
        reason=order.reason,
        after=after,
        epoch=order.epoch,
    )
