"""Runs: begun once for each effect, at most one live for each component; what moves them is in `run_steps`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import ComponentIsLive, Stopped, UnknownRun
from crossfade.flags import Flag, to_definition
from crossfade.plan.resolved import ComponentPlan
from crossfade.states import MigrationStatus, RollbackState, RunState
from store import audit, components, control, documents, flags, retirements, run_rows
from store.documents import Document, to_document
from store.identifiers import uuid7
from store.run_rows import Published, Run
from store.run_steps import bake, complete, lower, publish_step, record, resume, set_percentage
from store.tables import migrations, rollback_events, run_readings, runs

__all__ = [
    "Published",
    "Run",
    "attempts",
    "bake",
    "begin",
    "complete",
    "find_all",
    "get",
    "latest",
    "live",
    "lower",
    "publish_step",
    "record",
    "record_readings",
    "resume",
    "set_percentage",
]


async def begin(
    connection: AsyncConnection,
    *,
    environment: str,
    component: str,
    migration_id: UUID | None,
    phase: str,
    plan: ComponentPlan,
    actor: str,
    effect: str,
) -> Run:
    """Begins a run in a new epoch, with its flag reset to 0 % as the plan says.

    Raises ComponentIsLive (its detail is the id of what is live), Retired, Stopped where a stop is in force or has
    ended the migration.
    """
    await control.lock(connection, environment)
    if (done := await find_effect(connection, environment=environment, effect=effect)) is not None:
        return done
    await control.lock_unstopped(connection, environment)
    await refuse_ended(connection, migration_id)
    await refuse_live(connection, environment=environment, component=component)
    await retirements.refuse(connection, environment=environment, component=component)
    former = await flags.find(connection, environment=environment, name=component, lock=True)
    run = Run(
        id=uuid7(),
        environment=environment,
        component=component,
        migration_id=migration_id,
        phase=phase,
        attempt=await next_attempt(connection, environment=environment, component=component),
        epoch=await control.next_epoch(connection, environment),
        state=RunState.RAMPING,
        step=0,
        percentage=Decimal(0),
        revision=None,
        published_at=None,
        former_configuration=None if former is None else to_definition(former),
        plan=plan,
        actor=actor,
        effect=effect,
        started_at=await control.now(connection),
        finished_at=None,
    )
    await create(connection, run)
    await reset(connection, run, former)
    await components.follow(connection, run, actor=actor, reason="")
    return run


async def get(connection: AsyncConnection, run_id: UUID) -> Run:
    """Gives one run; raises UnknownRun."""
    row = (await connection.execute(run_rows.query().where(runs.c.id == run_id))).mappings().one_or_none()
    if row is None:
        raise UnknownRun(str(run_id))
    return run_rows.from_row(row)


async def find_all(connection: AsyncConnection, run_ids: Sequence[UUID]) -> dict[UUID, Run]:
    """Gives the runs with these ids."""
    rows = await connection.execute(run_rows.query().where(runs.c.id.in_(run_ids)))
    return {row["id"]: run_rows.from_row(row) for row in rows.mappings()}


async def live(connection: AsyncConnection, environment: str) -> tuple[Run, ...]:
    """Gives all live runs of an environment, those that roll back included."""
    query = run_rows.query().where(runs.c.environment == environment, runs.c.state.in_(run_rows.LIVE))
    rows = await connection.execute(query.order_by(runs.c.component))
    return tuple(run_rows.from_row(row) for row in rows.mappings())


async def latest(connection: AsyncConnection, *, environment: str, component: str) -> Run | None:
    """Gives the newest run of a component."""
    query = run_rows.query().where(runs.c.environment == environment, runs.c.component == component)
    row = (await connection.execute(query.order_by(runs.c.attempt.desc()).limit(1))).mappings().one_or_none()
    return None if row is None else run_rows.from_row(row)


async def attempts(connection: AsyncConnection, *, migration_id: UUID, component: str) -> int:
    """Counts the runs of a component in one migration: what a plan's `maxAttempts` limits."""
    query = select(func.count()).select_from(runs)
    mine = query.where(runs.c.migration_id == migration_id, runs.c.component == component)
    return int((await connection.execute(mine)).scalar_one())


async def record_readings(connection: AsyncConnection, readings: Mapping[UUID, Document]) -> None:
    """Stores what the monitor has judged, by run.

    `publish_step` looks at the members step, verdict, no_data and source_error. Takes no lock that others wait for.
    """
    if not readings:
        return
    statement = text(
        "update run_readings set reading = judged.value, judged_at = clock_timestamp() "
        "from jsonb_each(cast(:readings as jsonb)) as judged where run_readings.run_id = cast(judged.key as uuid)"
    )
    document = documents.dumps({str(run_id): readings[run_id] for run_id in sorted(readings)})
    await connection.execute(statement, {"readings": document})


async def find_effect(connection: AsyncConnection, *, environment: str, effect: str) -> Run | None:
    """Gives the run that this effect has begun already."""
    query = run_rows.query().where(runs.c.environment == environment, runs.c.effect == effect)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else run_rows.from_row(row)


async def refuse_ended(connection: AsyncConnection, migration_id: UUID | None) -> None:
    """Raises Stopped where the migration has ended: a late workflow may begin nothing."""
    query = select(migrations.c.status).where(migrations.c.id == migration_id)
    status = (await connection.execute(query)).scalar_one_or_none()
    if status is not None and not MigrationStatus(status).is_live:
        raise Stopped(f"the migration is {status}")


async def refuse_live(connection: AsyncConnection, *, environment: str, component: str) -> None:
    """Raises ComponentIsLive where the component has a live run, or a flag set by hand is on its way back.

    Its detail is the id of the run, or of the rollback.
    """
    query = select(runs.c.id).where(
        runs.c.environment == environment, runs.c.component == component, runs.c.state.in_(run_rows.LIVE)
    )
    if (run_id := (await connection.execute(query)).scalar_one_or_none()) is not None:
        raise ComponentIsLive(str(run_id))
    rollback = select(rollback_events.c.id).where(
        rollback_events.c.environment == environment,
        rollback_events.c.component == component,
        rollback_events.c.run_id.is_(None),
        rollback_events.c.state == RollbackState.RUNNING.value,
    )
    if (rollback_id := (await connection.execute(rollback.limit(1))).scalar_one_or_none()) is not None:
        raise ComponentIsLive(str(rollback_id))


async def next_attempt(connection: AsyncConnection, *, environment: str, component: str) -> int:
    """Gives the number of the component's next attempt in this environment: it is part of workflow ids."""
    reached = 0
    for table in (runs, rollback_events):
        query = select(func.coalesce(func.max(table.c.attempt), 0))
        mine = query.where(table.c.environment == environment, table.c.component == component)
        reached = max(reached, int((await connection.execute(mine)).scalar_one()))
    return reached + 1


async def create(connection: AsyncConnection, run: Run) -> None:
    """Creates the row of a run, that of its readings, and its first audit row."""
    values = {name: getattr(run, name) for name in runs.c.keys()}  # noqa: SIM118 - a collection of columns, no dict
    values |= {"state": run.state.value, "plan": to_document(run.plan)}
    await connection.execute(insert(runs).values(values))
    await connection.execute(insert(run_readings).values(run_id=run.id))
    entry = run_rows.entry(run, action="run.begin", actor=run.actor, reason="", effect=run.effect)
    await audit.append(connection, replace(entry, after=run_rows.image(run)))


async def reset(connection: AsyncConnection, run: Run, former: Flag | None) -> Flag:
    """Publishes the flag at 0 % as the run's plan says; overrides stay."""
    planned = run.plan.flag
    flag = Flag(
        name=run.component,
        environment=run.environment,
        enabled=True,
        percentage=Decimal(0),
        ceiling=Decimal(0),
        conditions=planned.conditions,
        overrides={} if former is None else former.overrides,
        fallback_enabled=planned.fallback_enabled,
        salt=planned.salt or run.component,
        targeting_key=planned.targeting_key,
        epoch=run.epoch,
        is_live=True,
    )
    return await flags.publish(connection, flag, action="run.begin", actor=run.actor, reason="", run_id=run.id, step=0)
