"""Inter-phase validations: what was checked before a phase ended."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.states import Verdict
from store import audit, control
from store.documents import Document
from store.identifiers import uuid7
from store.tables import inter_phase_validation as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one check of a phase; `effect` makes it one, however often the activity runs."""

    environment: str
    migration_id: UUID
    phase: str
    name: str
    type: str
    verdict: Verdict
    evidence: Document
    effect: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow(Check):
    """A stored result."""

    id: UUID
    checked_at: datetime


async def record(connection: AsyncConnection, check: Check) -> CheckRow:
    """Stores a result with its audit row."""
    await control.lock(connection, check.environment)
    if check.effect is not None:
        mine = table.c.environment == check.environment, table.c.effect == check.effect
        known = (await connection.execute(select(table).where(*mine))).mappings().one_or_none()
        if known is not None:
            return from_row(known)
    values = {name: getattr(check, name) for name in Check.__dataclass_fields__}
    row = CheckRow(**values, id=uuid7(), checked_at=await control.now(connection))
    columns = {name: getattr(row, name) for name in CheckRow.__dataclass_fields__}
    await connection.execute(insert(table).values(columns | {"verdict": row.verdict.value}))
    await audit.append(connection, entry(row))
    return row


async def list(connection: AsyncConnection, *, migration_id: UUID) -> tuple[CheckRow, ...]:  # noqa: A001 - its verb
    """Gives the results of a migration, the newest first."""
    query = select(table).where(table.c.migration_id == migration_id).order_by(table.c.checked_at.desc())
    return tuple(from_row(row) for row in (await connection.execute(query)).mappings())


def entry(row: CheckRow) -> audit.Entry:
    """Gives the audit entry of a result."""
    return audit.Entry(
        environment=row.environment,
        kind="inter_phase",
        key=f"{row.migration_id}/{row.phase}/{row.name}",
        action="inter_phase.checked",
        actor="crossfade",
        after={"verdict": row.verdict.value, "id": str(row.id)},
        effect=row.effect,
    )


def from_row(row: RowMapping) -> CheckRow:
    """Reads a row."""
    values = {name: row[name] for name in CheckRow.__dataclass_fields__}
    return CheckRow(**values | {"verdict": Verdict(row["verdict"])})
