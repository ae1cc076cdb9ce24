"""Migrations: executions of a plan, one live for each name in an environment."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import ComponentIsLive, Fenced, MigrationIsLive, Retired, UnknownMigration
from crossfade.plan.resolved import Plan
from crossfade.states import ComponentStatus, MigrationStatus, RollbackState
from store import audit, components, control, outbox, phases, retirements, run_rows
from store.components import Component
from store.documents import Document, adapter, to_document
from store.identifiers import uuid7
from store.tables import feature_flags, migration_components, migrations, rollback_events, runs

LIVE = tuple(status.value for status in MigrationStatus if status.is_live)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One execution of a plan; `number` counts those of its name."""

    id: UUID
    environment: str
    name: str
    number: int
    status: MigrationStatus
    reason: str
    plan: Plan
    plan_text: str
    digest: str
    actor: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def key(self) -> str:
        """What the audit calls it."""
        return f"{self.name}/{self.number}"

    @property
    def workflow_id(self) -> str:
        """The id of the workflow that carries it out."""
        return f"migration/{self.environment}/{self.name}"


async def create(connection: AsyncConnection, *, plan: Plan, text: bytes | str, actor: str) -> Migration:
    """Creates a migration with its phases and components and queues its workflow.

    A component that the last migration of this name has completed, and whose flag is still on at 100 %, is completed
    from the start. Raises MigrationIsLive (its detail is the id), ComponentIsLive, Retired
    (a component that would start at 0 %), Stopped.
    """
    await control.lock_unstopped(connection, plan.environment)
    await refuse_live(connection, plan)
    content = text.encode() if isinstance(text, str) else text
    migration = Migration(
        id=uuid7(),
        environment=plan.environment,
        name=plan.name,
        number=await next_number(connection, plan),
        status=MigrationStatus.PENDING,
        reason="",
        plan=plan,
        plan_text=content.decode(),
        digest=hashlib.sha256(content).hexdigest(),
        actor=actor,
        created_at=await control.now(connection),
    )
    finished = await still_complete(connection, plan)
    await refuse_retired(connection, plan, finished)
    await connection.execute(insert(migrations).values(columns(migration)))
    await audit.append(connection, entry(None, migration, actor=actor, reason=""))
    await phases.create_all(connection, migration_id=migration.id, plan=plan, actor=actor)
    parts = components_of(migration, finished)
    await components.create_all(connection, parts, actor=actor, at=migration.created_at)
    await queue_start(connection, migration)
    return migration


async def set_status(
    connection: AsyncConnection,
    *,
    migration_id: UUID,
    status: MigrationStatus,
    actor: str,
    reason: str = "",
    effect: str | None = None,
) -> Migration:
    """Sets a status, audited where it changes; raises Fenced where the migration has ended otherwise."""
    environment = (await get(connection, migration_id)).environment
    await control.lock(connection, environment)
    migration = await get(connection, migration_id)
    if migration.status is status or await audit.find(connection, environment=environment, effect=effect) is not None:
        return migration
    if not migration.status.is_live:
        raise Fenced(f"migration {migration.key} is {migration.status}")
    return await write(connection, migration, status=status, actor=actor, reason=reason, effect=effect)


async def record(
    connection: AsyncConnection, *, migration_id: UUID, action: str, actor: str, reason: str, effect: str
) -> None:
    """Writes a person's order for a migration, such as a pause, into the audit; it changes nothing by itself."""
    environment = (await get(connection, migration_id)).environment
    await control.lock(connection, environment)
    if await audit.find(connection, environment=environment, effect=effect) is None:
        migration = await get(connection, migration_id)
        order = entry(migration, migration, actor=actor, reason=reason, effect=effect)
        await audit.append(connection, replace(order, action=f"migration.order.{action}"))


async def get(connection: AsyncConnection, migration_id: UUID) -> Migration:
    """Gives one migration; raises UnknownMigration."""
    found = await find_all(connection, migrations.c.id == migration_id, limit=1)
    if not found:
        raise UnknownMigration(str(migration_id))
    return found[0]


async def list(  # noqa: A001 - its verb
    connection: AsyncConnection, *, environment: str, name: str | None = None, limit: int = 100
) -> tuple[Migration, ...]:
    """Gives migrations, the newest first."""
    conditions = [migrations.c.environment == environment]
    if name is not None:
        conditions.append(migrations.c.name == name)
    return await find_all(connection, *conditions, limit=limit)


async def live(connection: AsyncConnection, environment: str) -> tuple[Migration, ...]:
    """Gives the live migrations of an environment."""
    return await find_all(connection, migrations.c.environment == environment, migrations.c.status.in_(LIVE))


async def find_all(
    connection: AsyncConnection, *conditions: ColumnElement[bool], limit: int = 1000
) -> tuple[Migration, ...]:
    """Gives the migrations that meet the conditions, the newest first."""
    newest = (migrations.c.created_at.desc(), migrations.c.id.desc())
    rows = await connection.execute(select(migrations).where(*conditions).order_by(*newest).limit(limit))
    return tuple(from_row(row) for row in rows.mappings())


async def refuse_live(connection: AsyncConnection, plan: Plan) -> None:
    """Raises MigrationIsLive, or ComponentIsLive where a component has a live run, or its flag is on its way back."""
    for migration in await live(connection, plan.environment):
        if migration.name == plan.name:
            raise MigrationIsLive(str(migration.id))
    names = [component.name for phase in plan.phases for component in phase.components]
    of_a_flag_set_by_hand = rollback_events.c.run_id.is_(None)
    for table, is_live in (
        (runs, runs.c.state.in_(run_rows.LIVE)),
        (rollback_events, of_a_flag_set_by_hand & (rollback_events.c.state == RollbackState.RUNNING.value)),
    ):
        mine = (table.c.environment == plan.environment, table.c.component.in_(names))
        query = select(table.c.component).where(*mine, is_live).order_by(table.c.component).limit(1)
        if (name := (await connection.execute(query)).scalar_one_or_none()) is not None:
            raise ComponentIsLive(name)


async def refuse_retired(connection: AsyncConnection, plan: Plan, finished: dict[str, UUID]) -> None:
    """Raises Retired where a component would ramp again whose legacy code is gone."""
    gone = await retirements.names(connection, plan.environment)
    names = [component.name for phase in plan.phases for component in phase.components]
    for name in names:
        if name in gone and name not in finished:
            raise Retired(name)


async def next_number(connection: AsyncConnection, plan: Plan) -> int:
    """Gives the number of the next migration of a plan's name."""
    query = select(func.coalesce(func.max(migrations.c.number), 0) + 1)
    mine = query.where(migrations.c.environment == plan.environment, migrations.c.name == plan.name)
    return int((await connection.execute(mine)).scalar_one())


async def still_complete(connection: AsyncConnection, plan: Plan) -> dict[str, UUID]:
    """Gives the components that the name's last migration has completed and that are on at 100 %, with their runs."""
    last = select(migrations.c.id).where(migrations.c.environment == plan.environment, migrations.c.name == plan.name)
    part, flag = migration_components.c, feature_flags.c
    is_same = (flag.environment == part.environment) & (flag.name == part.name)
    query = (
        select(part.name, part.run_id)
        .join(feature_flags, is_same)
        .where(
            part.migration_id == last.order_by(migrations.c.number.desc()).limit(1).scalar_subquery(),
            part.status == ComponentStatus.COMPLETED.value,
            part.run_id.is_not(None),
            flag.served == 100,  # noqa: PLR2004 - everybody
            ~flag.is_live,
        )
    )
    return {row.name: row.run_id for row in await connection.execute(query)}


def components_of(migration: Migration, finished: dict[str, UUID]) -> Sequence[Component]:
    """Gives the components of a new migration in the order of the plan."""
    planned = [(phase.name, component) for phase in migration.plan.phases for component in phase.components]
    return [
        Component(
            migration_id=migration.id,
            environment=migration.environment,
            migration=migration.key,
            name=component.name,
            phase=phase,
            position=position,
            depends_on=component.depends_on,
            status=ComponentStatus.COMPLETED if component.name in finished else ComponentStatus.PENDING,
            reason="",
            waiting_for=None,
            plan=component,
            run_id=finished.get(component.name),
            started_at=None,
            finished_at=migration.created_at if component.name in finished else None,
        )
        for position, (phase, component) in enumerate(planned, 1)
    ]


async def queue_start(connection: AsyncConnection, migration: Migration) -> None:
    """Queues the start of the migration's workflow."""
    payload: Document = {
        "migration_id": str(migration.id),
        "environment": migration.environment,
        "name": migration.name,
        "number": migration.number,
        "summary": f"{migration.name} {migration.number}: {' → '.join(phase.name for phase in migration.plan.phases)}",
    }
    await outbox.enqueue(
        connection,
        environment=migration.environment,
        workflow_id=migration.workflow_id,
        kind="start",
        name="Migration",
        payload=payload,
        request_id=f"{migration.id}/start",
    )


async def write(
    connection: AsyncConnection,
    migration: Migration,
    *,
    status: MigrationStatus,
    actor: str,
    reason: str,
    effect: str | None = None,
) -> Migration:
    """Writes a new status with its audit row."""
    at = await control.now(connection)
    changed = replace(
        migration,
        status=status,
        reason=reason,
        started_at=migration.started_at or (at if status is MigrationStatus.RUNNING else None),
        finished_at=None if status.is_live else at,
    )
    written = ("status", "reason", "started_at", "finished_at")
    values = {name: columns(changed)[name] for name in written}
    await connection.execute(update(migrations).where(migrations.c.id == migration.id).values(values))
    await audit.append(connection, entry(migration, changed, actor=actor, reason=reason, effect=effect))
    return changed


def entry(
    before: Migration | None, after: Migration, *, actor: str, reason: str, effect: str | None = None
) -> audit.Entry:
    """Gives the audit entry of a change of a migration."""
    return audit.Entry(
        environment=after.environment,
        kind="migration",
        key=after.key,
        action=f"migration.{after.status}",
        actor=actor,
        reason=reason,
        before=None if before is None else {"status": before.status.value},
        after={"status": after.status.value},
        effect=effect,
    )


def columns(migration: Migration) -> Document:
    """Gives a migration as the columns of its row."""
    values = {name: getattr(migration, name) for name in Migration.__dataclass_fields__}
    return values | {"status": migration.status.value, "plan": to_document(migration.plan)}


def from_row(row: RowMapping) -> Migration:
    """Reads a row."""
    values = {name: row[name] for name in Migration.__dataclass_fields__}
    values |= {"status": MigrationStatus(row["status"]), "plan": adapter(Plan).validate_python(row["plan"])}
    return Migration(**values)
