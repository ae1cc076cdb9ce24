"""Components of a migration: where each stands, and what it waits for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, Text, cast, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import ComponentIsLive, Fenced, UnknownComponent
from crossfade.plan.resolved import ComponentPlan
from crossfade.states import ComponentStatus, MigrationStatus, RunState
from store import audit, control
from store.documents import adapter, to_document
from store.run_rows import Run
from store.tables import migration_components, migrations

FOLLOWS = {
    RunState.RAMPING: ComponentStatus.RAMPING,
    RunState.HELD: ComponentStatus.HELD,
    RunState.BAKING: ComponentStatus.BAKING,
    RunState.COMPLETED: ComponentStatus.COMPLETED,
    RunState.ROLLING_BACK: ComponentStatus.ROLLING_BACK,
    RunState.ROLLED_BACK: ComponentStatus.ROLLED_BACK,
    RunState.STOPPING: ComponentStatus.STOPPED,
    RunState.STOPPED: ComponentStatus.STOPPED,
}
"""A component's status follows its run in the run's own transaction."""
ENDED = frozenset(
    {ComponentStatus.COMPLETED, ComponentStatus.SKIPPED, ComponentStatus.ROLLED_BACK, ComponentStatus.STOPPED}
)
OF_A_RUN = frozenset({ComponentStatus.RAMPING, ComponentStatus.HELD, ComponentStatus.PAUSED, ComponentStatus.BAKING})
"""What a rollout says of itself while it advances, or waits to."""
TAKEN_BACK = frozenset({ComponentStatus.ROLLING_BACK, ComponentStatus.ROLLED_BACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One component of one migration; step and percentage are those of its run."""

    migration_id: UUID
    environment: str
    migration: str
    name: str
    phase: str
    position: int
    depends_on: tuple[str, ...]
    status: ComponentStatus
    reason: str
    waiting_for: str | None
    plan: ComponentPlan
    run_id: UUID | None
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def key(self) -> str:
        """What the audit calls it."""
        return f"{self.migration}/{self.name}"


async def list(connection: AsyncConnection, *, migration_id: UUID) -> tuple[Component, ...]:  # noqa: A001 - its verb
    """Gives the components of a migration in the order of its plan."""
    query = select_components().where(migration_components.c.migration_id == migration_id)
    rows = await connection.execute(query.order_by(migration_components.c.position))
    return tuple(from_row(row) for row in rows.mappings())


async def get(connection: AsyncConnection, *, migration_id: UUID, name: str) -> Component:
    """Gives one component; raises UnknownComponent."""
    table = migration_components.c
    query = select_components().where(table.migration_id == migration_id, table.name == name)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise UnknownComponent(name)
    return from_row(row)


async def latest(connection: AsyncConnection, *, environment: str, name: str) -> Component:
    """Gives the component in the newest migration that has it; raises UnknownComponent."""
    table = migration_components.c
    query = select_components().where(table.environment == environment, table.name == name)
    newest = query.order_by(migrations.c.created_at.desc(), migrations.c.id.desc()).limit(1)
    row = (await connection.execute(newest)).mappings().one_or_none()
    if row is None:
        raise UnknownComponent(name)
    return from_row(row)


async def set_status(
    connection: AsyncConnection,
    *,
    migration_id: UUID,
    name: str,
    status: ComponentStatus,
    actor: str,
    reason: str = "",
    effect: str | None = None,
    waiting_for: str | None = None,
) -> Component:
    """Sets a status, audited where it changes.

    Raises Fenced where migration or component has ended for good, and for what a run says of itself once it was taken
    back; ComponentIsLive (its detail is the id of the run) for another try before the steps of its rollback have
    ended.
    """
    component = await get(connection, migration_id=migration_id, name=name)
    await control.lock(connection, component.environment)
    if await audit.find(connection, environment=component.environment, effect=effect) is not None:
        return component
    component = await get(connection, migration_id=migration_id, name=name)
    if component.status is not status:
        await refuse_ended(connection, component)
        if status in OF_A_RUN and component.status in TAKEN_BACK:
            raise Fenced(f"{component.key} is {component.status}")
        if status is ComponentStatus.PENDING and component.status is ComponentStatus.ROLLING_BACK:
            raise ComponentIsLive(str(component.run_id))
    changed = replace(component, status=status, waiting_for=waiting_for)
    return await write(connection, component, changed, actor=actor, reason=reason, effect=effect)


async def note(connection: AsyncConnection, *, migration_id: UUID, name: str, waiting_for: str | None) -> None:
    """Says what a component waits for; not a change of state, so not audited."""
    table = migration_components.c
    statement = update(migration_components).where(table.migration_id == migration_id, table.name == name)
    await connection.execute(
        statement.where(table.waiting_for.is_distinct_from(waiting_for)).values(
            waiting_for=waiting_for, updated_at=func.clock_timestamp()
        )
    )


async def follow(connection: AsyncConnection, run: Run, *, actor: str, reason: str) -> None:
    """Gives the component of a run the status that the run's state means, unless it was skipped since."""
    if run.migration_id is None:
        return
    component = await get(connection, migration_id=run.migration_id, name=run.component)
    if component.run_id == run.id and component.status is ComponentStatus.SKIPPED:
        return
    status = FOLLOWS[run.state]
    waiting_for = component.waiting_for if status is component.status else None
    changed = replace(component, status=status, run_id=run.id, waiting_for=waiting_for)
    await write(connection, component, changed, actor=actor, reason=reason)


async def create_all(connection: AsyncConnection, components: Sequence[Component], *, actor: str, at: datetime) -> None:
    """Creates the components of a new migration."""
    rows = [
        {
            column.name: getattr(component, column.name)
            for column in migration_components.c
            if column.name != "updated_at"
        }
        | {"plan": to_document(component.plan), "depends_on": [*component.depends_on]}
        for component in components
    ]
    await connection.execute(insert(migration_components).values(updated_at=at), rows)
    entries = [entry(None, component, actor=actor, reason="") for component in components]
    await audit.append(connection, *entries)


async def stop_all(connection: AsyncConnection, components: Sequence[Component], *, actor: str, reason: str) -> None:
    """Marks components of one migration as stopped in a number of statements that does not grow."""
    if not components:
        return
    table = migration_components.c
    names = table.name.in_([component.name for component in components])
    statement = update(migration_components).where(table.migration_id == components[0].migration_id, names)
    await connection.execute(
        statement.values(
            status=ComponentStatus.STOPPED.value,
            reason=reason,
            waiting_for=None,
            finished_at=func.coalesce(table.finished_at, func.clock_timestamp()),
            updated_at=func.clock_timestamp(),
        )
    )
    stopped = [replace(component, status=ComponentStatus.STOPPED) for component in components]
    pairs = zip(components, stopped, strict=True)
    await audit.append(connection, *(entry(*pair, actor=actor, reason=reason) for pair in pairs))


async def write(
    connection: AsyncConnection,
    before: Component,
    after: Component,
    *,
    actor: str,
    reason: str,
    effect: str | None = None,
) -> Component:
    """Writes a component, with an audit row where its status or its run changes."""
    table = migration_components.c
    statement = update(migration_components).where(table.migration_id == before.migration_id, table.name == before.name)
    at = func.clock_timestamp()
    is_changed = (before.status, before.run_id) != (after.status, after.run_id)
    started = table.started_at if after.status is ComponentStatus.PENDING else func.coalesce(table.started_at, at)
    await connection.execute(
        statement.values(
            status=after.status.value,
            reason=reason if is_changed else table.reason,
            waiting_for=after.waiting_for,
            run_id=after.run_id,
            started_at=started,
            finished_at=func.coalesce(table.finished_at, at) if after.status in ENDED else None,
            updated_at=at,
        )
    )
    if is_changed:
        await audit.append(connection, entry(before, after, actor=actor, reason=reason, effect=effect))
    return after


async def refuse_ended(connection: AsyncConnection, component: Component) -> None:
    """Raises Fenced where a late writer would change a component that has ended for good."""
    query = select(migrations.c.status).where(migrations.c.id == component.migration_id)
    status = MigrationStatus((await connection.execute(query)).scalar_one())
    if not status.is_live or component.status is ComponentStatus.STOPPED:
        raise Fenced(f"{component.key} is {component.status}, its migration {status}")


def entry(
    before: Component | None, after: Component, *, actor: str, reason: str, effect: str | None = None
) -> audit.Entry:
    """Gives the audit entry of a change of a component."""
    return audit.Entry(
        environment=after.environment,
        kind="component",
        key=after.key,
        action=f"component.{after.status}",
        actor=actor,
        reason=reason,
        before=None if before is None else image(before),
        after=image(after),
        run_id=after.run_id,
        effect=effect,
    )


def image(component: Component) -> dict[str, object]:
    """Gives what the audit keeps of a component."""
    return {"status": component.status.value, "run": component.run_id and str(component.run_id)}


def select_components() -> Select[Any]:
    """Gives the query for components with the name and number of their migration."""
    migration = (migrations.c.name + "/" + cast(migrations.c.number, Text)).label("migration")
    joined = migration_components.join(migrations, migrations.c.id == migration_components.c.migration_id)
    return select(*migration_components.c, migration).select_from(joined)


def from_row(row: RowMapping) -> Component:
    """Reads a row of `select_components`."""
    values = {field: row[field] for field in Component.__dataclass_fields__}
    values["status"] = ComponentStatus(row["status"])
    values["depends_on"] = tuple(row["depends_on"])
    values["plan"] = adapter(ComponentPlan).validate_python(row["plan"])
    return Component(**values)
