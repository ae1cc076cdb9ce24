"""The release of an environment's stop: nothing serves candidate by itself, unless what was complete is put back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import NotStopped
from crossfade.flags import Flag, from_definition, to_definition
from crossfade.states import ComponentStatus, RunState
from store import audit, components, control, flags, retirements, runs
from store.tables import control as control_table
from store.tables import feature_flags, migration_components, migrations, stopped_components

Restore = Literal["none", "completed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The end of a stop: names of the components put back, then of those left as they are.

    Left is what somebody has changed, rolled back or retired since the stop.
    """

    environment: str
    epoch: int
    revision: int
    released_at: datetime
    restored: tuple[str, ...]
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stopped:
    """A component that was complete and on for everybody when the stop came, and its flag as it was then."""

    component: str
    migration_id: UUID
    flag: Flag


async def release(
    connection: AsyncConnection, *, environment: str, actor: str, reason: str, restore: Restore = "none"
) -> Release:
    """Ends the stop of an environment in a new epoch, and puts back what was complete where that is asked for.

    Raises NotStopped.
    """
    if not (await control.lock(connection, environment)).is_stopped:
        raise NotStopped
    epoch = await control.next_epoch(connection, environment)
    at = await control.now(connection)
    statement = update(control_table).where(control_table.c.environment == environment)
    await connection.execute(statement.values(stopped_at=None, stop_reason=None, stop_actor=None))
    entry = audit.Entry(
        environment=environment, kind="stop", key=environment, action="stop.release", actor=actor, reason=reason
    )
    after = {"isStopped": False, "restore": restore}
    await audit.append(connection, replace(entry, epoch=epoch, after=after))
    kept = await kept_components(connection, environment)
    chosen = await restorable(connection, environment, kept) if restore == "completed" else ()
    await put_back(connection, chosen, replace(entry, kind="flag", epoch=epoch))
    await connection.execute(delete(stopped_components).where(stopped_components.c.environment == environment))
    restored = tuple(each.component for each in chosen)
    return Release(
        environment=environment,
        epoch=epoch,
        revision=(await control.get(connection, environment)).revision,
        released_at=at,
        restored=restored,
        left=tuple(each.component for each in kept if each.component not in restored),
    )


async def keep(connection: AsyncConnection, *, environment: str, at: datetime) -> None:
    """Keeps the components that are complete and on for everybody, before a stop closes their flags."""
    part, flag = migration_components.c, feature_flags.c
    order = (migrations.c.created_at.desc(), migrations.c.id.desc())
    newest = (
        select(part.name, part.migration_id, part.status)
        .add_columns(func.row_number().over(partition_by=part.name, order_by=order).label("place"))
        .join(migrations, migrations.c.id == part.migration_id)
        .where(part.environment == environment)
        .subquery()
    )
    is_same = (flag.environment == environment) & (flag.name == newest.c.name)
    query = (
        select(newest.c.name, newest.c.migration_id)
        .join(feature_flags, is_same)
        .where(
            newest.c.place == 1,
            newest.c.status == ComponentStatus.COMPLETED.value,
            flag.served == 100,  # noqa: PLR2004 - everybody
            ~flag.is_live,
        )
    )
    complete = {row.name: row.migration_id for row in await connection.execute(query)}
    if not complete:
        return
    gone = await retirements.names(connection, environment)
    rows = [
        {
            "environment": environment,
            "component": found.name,
            "migration_id": complete[found.name],
            "definition": to_definition(found),
            "stopped_at": at,
        }
        for found in await flags.all(connection, environment)
        if found.name in complete and found.name not in gone
    ]
    if rows:
        await connection.execute(insert(stopped_components).on_conflict_do_nothing(), rows)


async def give_up(connection: AsyncConnection, *, environment: str, names: Sequence[str]) -> None:
    """Forgets components that the stop in force has kept: a stop of their own has come, which no release takes back."""
    table = stopped_components.c
    await connection.execute(
        delete(stopped_components).where(table.environment == environment, table.component.in_(names))
    )


async def kept_components(connection: AsyncConnection, environment: str) -> tuple[Stopped, ...]:
    """Gives what the stop in force has closed that was complete, by name."""
    table = stopped_components
    query = select(table).where(table.c.environment == environment).order_by(table.c.component)
    rows = await connection.execute(query)
    return tuple(Stopped(row.component, row.migration_id, from_definition(row.definition)) for row in rows)


async def restorable(connection: AsyncConnection, environment: str, kept: Sequence[Stopped]) -> tuple[Stopped, ...]:
    """Gives those that still are as the stop has left them: nobody has changed, rolled back or retired them."""
    gone = await retirements.names(connection, environment)
    now = {flag.name: flag for flag in await flags.all(connection, environment)}
    chosen = []
    for each in kept:
        is_closed = is_as_closed(each.flag, now.get(each.component))
        if is_closed and each.component not in gone and await is_complete(connection, environment, each):
            chosen.append(each)
    return tuple(chosen)


async def is_complete(connection: AsyncConnection, environment: str, stopped: Stopped) -> bool:
    """Tells whether nothing but a stop has happened to a complete component: its run was not taken back."""
    part = await components.latest(connection, environment=environment, name=stopped.component)
    run = await runs.latest(connection, environment=environment, component=stopped.component)
    is_same = part.migration_id == stopped.migration_id and run is not None and run.state is RunState.COMPLETED
    return is_same and part.status in {ComponentStatus.STOPPED, ComponentStatus.COMPLETED}


def is_as_closed(former: Flag, flag: Flag | None) -> bool:
    """Tells whether a flag differs from its former self only as a stop makes it differ."""
    if flag is None or flag.enabled or flag.ceiling:
        return False
    kept = ("percentage", "conditions", "overrides", "fallback_enabled", "salt", "targeting_key", "is_live")
    return all(getattr(flag, name) == getattr(former, name) for name in kept)


async def put_back(connection: AsyncConnection, chosen: Sequence[Stopped], entry: audit.Entry) -> None:
    """Publishes the flags exactly as they were, and makes their components complete again."""
    words = replace(entry, action="stop.restore", after=None)
    changes = [(replace(each.flag, epoch=entry.epoch or 0), replace(words, key=each.component)) for each in chosen]
    await flags.publish_all(connection, changes)
    for each in chosen:
        part = await components.get(connection, migration_id=each.migration_id, name=each.component)
        complete = replace(part, status=ComponentStatus.COMPLETED)
        await components.write(connection, part, complete, actor=entry.actor, reason=entry.reason)
