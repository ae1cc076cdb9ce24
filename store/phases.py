"""Phases of a migration: where each stands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, Text, cast, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import Fenced, UnknownMigration
from crossfade.plan.resolved import Plan
from crossfade.states import MigrationStatus, PhaseStatus
from store import audit, control
from store.tables import migration_phases, migrations

ENDED = frozenset({PhaseStatus.COMPLETED, PhaseStatus.ABORTED, PhaseStatus.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase of one migration."""

    migration_id: UUID
    environment: str
    migration: str
    migration_status: MigrationStatus
    name: str
    position: int
    depends_on: tuple[str, ...]
    status: PhaseStatus
    reason: str
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def key(self) -> str:
        """What the audit calls it."""
        return f"{self.migration}/{self.name}"


async def list(connection: AsyncConnection, *, migration_id: UUID) -> tuple[Phase, ...]:  # noqa: A001 - its verb
    """Gives the phases of a migration in the order of its plan."""
    query = select_phases().where(migration_phases.c.migration_id == migration_id)
    rows = await connection.execute(query.order_by(migration_phases.c.position))
    return tuple(from_row(row) for row in rows.mappings())


async def get(connection: AsyncConnection, *, migration_id: UUID, name: str) -> Phase:
    """Gives one phase; raises UnknownMigration."""
    table = migration_phases.c
    query = select_phases().where(table.migration_id == migration_id, table.name == name)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise UnknownMigration(f"{migration_id} with a phase {name}")
    return from_row(row)


async def set_status(
    connection: AsyncConnection,
    *,
    migration_id: UUID,
    name: str,
    status: PhaseStatus,
    actor: str,
    reason: str = "",
    effect: str | None = None,
) -> Phase:
    """Sets a status, audited where it changes; raises Fenced where the phase or its migration has ended otherwise."""
    environment = (await get(connection, migration_id=migration_id, name=name)).environment
    await control.lock(connection, environment)
    phase = await get(connection, migration_id=migration_id, name=name)
    if phase.status is status or await audit.find(connection, environment=environment, effect=effect) is not None:
        return phase
    if phase.status in ENDED or not phase.migration_status.is_live:
        raise Fenced(f"phase {phase.key} is {phase.status}, its migration {phase.migration_status}")
    (changed,) = await write_all(connection, [phase], status=status, actor=actor, reason=reason, effect=effect)
    return changed


async def record(
    connection: AsyncConnection, *, migration_id: UUID, name: str, action: str, actor: str, reason: str, effect: str
) -> None:
    """Writes a person's order for a phase, such as a pause, into the audit; it changes nothing by itself."""
    environment = (await get(connection, migration_id=migration_id, name=name)).environment
    await control.lock(connection, environment)
    if await audit.find(connection, environment=environment, effect=effect) is None:
        phase = await get(connection, migration_id=migration_id, name=name)
        order = entry(phase, phase, actor=actor, reason=reason, effect=effect)
        await audit.append(connection, replace(order, action=f"phase.order.{action}"))


async def create_all(connection: AsyncConnection, *, migration_id: UUID, plan: Plan, actor: str) -> None:
    """Creates the phases of a new migration."""
    rows = [
        {
            "migration_id": migration_id,
            "name": phase.name,
            "position": position,
            "depends_on": [*phase.depends_on],
            "status": PhaseStatus.PENDING.value,
            "reason": "",
        }
        for position, phase in enumerate(plan.phases, 1)
    ]
    await connection.execute(insert(migration_phases), rows)
    created = await list(connection, migration_id=migration_id)
    await audit.append(connection, *(entry(None, phase, actor=actor, reason="") for phase in created))


async def write_all(
    connection: AsyncConnection,
    phases: Sequence[Phase],
    *,
    status: PhaseStatus,
    actor: str,
    reason: str,
    effect: str | None = None,
) -> tuple[Phase, ...]:
    """Writes a new status to phases of one migration, with an audit row each."""
    if not phases:
        return ()
    at = await control.now(connection)
    table = migration_phases.c
    mine = (table.migration_id == phases[0].migration_id, table.name.in_([phase.name for phase in phases]))
    started = table.started_at if status is PhaseStatus.PENDING else func.coalesce(table.started_at, at)
    finished = at if status in ENDED else None
    values = {"status": status.value, "reason": reason, "started_at": started, "finished_at": finished}
    await connection.execute(update(migration_phases).where(*mine).values(values))
    changed = tuple(replace(phase, status=status, reason=reason) for phase in phases)
    pairs = zip(phases, changed, strict=True)
    entries = (entry(*pair, actor=actor, reason=reason, effect=effect) for pair in pairs)
    await audit.append(connection, *entries)
    return changed


def entry(before: Phase | None, after: Phase, *, actor: str, reason: str, effect: str | None = None) -> audit.Entry:
    """Gives the audit entry of a change of a phase."""
    return audit.Entry(
        environment=after.environment,
        kind="phase",
        key=after.key,
        action=f"phase.{after.status}",
        actor=actor,
        reason=reason,
        before=None if before is None else {"status": before.status.value},
        after={"status": after.status.value},
        effect=effect,
    )


def select_phases() -> Select[Any]:
    """Gives the query for phases with what their migration is called and where it stands."""
    own = migrations.c
    named = (
        own.environment,
        (own.name + "/" + cast(own.number, Text)).label("migration"),
        own.status.label("migration_status"),
    )
    joined = migration_phases.join(migrations, own.id == migration_phases.c.migration_id)
    return select(*migration_phases.c, *named).select_from(joined)


def from_row(row: RowMapping) -> Phase:
    """Reads a row of `select_phases`."""
    values = {name: row[name] for name in Phase.__dataclass_fields__}
    values |= {"status": PhaseStatus(row["status"]), "migration_status": MigrationStatus(row["migration_status"])}
    return Phase(**values | {"depends_on": tuple(row["depends_on"])})
