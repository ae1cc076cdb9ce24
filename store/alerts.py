"""Alerts: at most one open for each rule, component and run, whoever raises it and however often."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.states import Severity
from store.documents import Document
from store.identifiers import uuid7
from store.tables import alert_events

RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that a person should know: firing, acknowledged or resolved."""

    id: UUID
    environment: str
    rule: str
    component: str
    run_id: UUID | None
    severity: Severity
    state: str
    summary: str
    evidence: Document
    fired_at: datetime
    seen_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None


@dataclass(frozen=True, slots=True)
class Fired:
    """The open alert of a rule; `created` says whether this call has raised it."""

    id: UUID
    created: bool


async def fire(
    connection: AsyncConnection,
    *,
    environment: str,
    component: str,
    rule: str,
    run_id: UUID | None,
    severity: Severity,
    evidence: Document,
) -> Fired:
    """Raises an alert, or notes that the open one is still true; the evidence's sentence is its summary."""
    table = alert_events.c
    statement = insert(alert_events).values(
        id=uuid7(),
        environment=environment,
        rule=rule,
        component=component,
        run_id=run_id,
        severity=severity.value,
        state="firing",
        fired_at=func.clock_timestamp(),
        summary=str(evidence.get("sentence", rule)),
        evidence=evidence,
    )
    still = statement.on_conflict_do_update(
        index_elements=[table.environment, table.rule, table.component, table.run_id],
        index_where=table.state != literal_column("'resolved'"),
        set_={"seen_at": func.clock_timestamp()},
    )
    row = (await connection.execute(still.returning(table.id, literal_column("xmax = 0").label("created")))).one()
    return Fired(row.id, row.created)


async def resolve(connection: AsyncConnection, *, ids: Iterable[UUID], by: str = "crossfade") -> None:
    """Closes alerts that are open; a new one may be raised afterwards."""
    statement = update(alert_events).where(alert_events.c.id.in_(sorted(ids)), is_open())
    await connection.execute(statement.values(state=RESOLVED, resolved_at=func.clock_timestamp(), resolved_by=by))


async def unresolved(connection: AsyncConnection, *, environment: str) -> tuple[Alert, ...]:
    """Gives the open alerts, the oldest first."""
    query = select(alert_events).where(alert_events.c.environment == environment, is_open())
    rows = await connection.execute(query.order_by(alert_events.c.fired_at, alert_events.c.id))
    return tuple(from_row(row) for row in rows.mappings())


async def list(  # noqa: A001 - its verb
    connection: AsyncConnection, *, environment: str, limit: int = 100
) -> tuple[Alert, ...]:
    """Gives alerts of every state, the newest first."""
    query = select(alert_events).where(alert_events.c.environment == environment)
    newest = query.order_by(alert_events.c.fired_at.desc(), alert_events.c.id.desc()).limit(limit)
    return tuple(from_row(row) for row in (await connection.execute(newest)).mappings())


def is_open() -> ColumnElement[bool]:
    """Gives the condition of the index of open alerts, which must be spelled like this to be used."""
    return alert_events.c.state != literal_column("'resolved'")


def from_row(row: RowMapping) -> Alert:
    """Reads a row."""
    return Alert(**{**row, "severity": Severity(row["severity"])})
