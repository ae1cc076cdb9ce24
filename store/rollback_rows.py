"""Rollbacks as values, and how their rows are read, fenced and written."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import Fenced
from crossfade.percentages import percentage
from crossfade.states import RollbackState, RollbackTrigger
from store import audit
from store.documents import Document
from store.tables import rollback_events, rollback_steps

Restore = Literal["previous"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackStep:
    """One step of a rollback and how it went: pending, running, completed, failed."""

    name: str
    state: str = "pending"
    attempts: int = 0
    detail: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """One rollback: traffic is on legacy since `started_at`; its steps put the rest in order.

    `created` is False where somebody else had asked before; `run_id` is None for a flag that was set by hand.
    """

    id: UUID
    environment: str
    component: str
    run_id: UUID | None
    attempt: int
    epoch: int
    trigger: RollbackTrigger
    state: RollbackState
    actor: str
    reason: str
    evidence: Document
    from_percentage: Decimal
    to_percentage: Decimal
    restore: Restore | None
    former_configuration: Document | None
    started_at: datetime
    finished_at: datetime | None = None
    error: str | None = None
    steps: tuple[RollbackStep, ...] = ()
    created: bool = False

    @property
    def key(self) -> str:
        """What the audit calls it."""
        return f"{self.component}/{self.attempt}"

    @property
    def workflow_id(self) -> str:
        """The id of the workflow that carries it out."""
        return f"rollback/{self.environment}/{self.component}/{self.attempt}"


async def find(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> Rollback | None:
    """Gives the newest rollback that meets the conditions, with its steps."""
    found = await find_all(connection, *conditions, limit=1)
    return found[0] if found else None


async def find_all(
    connection: AsyncConnection, *conditions: ColumnElement[bool], limit: int = 100
) -> tuple[Rollback, ...]:
    """Gives the rollbacks that meet the conditions, the newest first, with their steps."""
    newest = (rollback_events.c.started_at.desc(), rollback_events.c.id.desc())
    query = select(rollback_events).where(*conditions).order_by(*newest).limit(limit)
    rows = (await connection.execute(query)).mappings().all()
    steps = await steps_of(connection, [row["id"] for row in rows])
    return tuple(replace(from_row(row), steps=tuple(steps.get(row["id"], ()))) for row in rows)


async def steps_of(connection: AsyncConnection, rollback_ids: list[UUID]) -> dict[UUID, list[RollbackStep]]:
    """Gives the steps of rollbacks, in order."""
    query = select(rollback_steps).where(rollback_steps.c.rollback_id.in_(rollback_ids))
    steps: dict[UUID, list[RollbackStep]] = {}
    for row in (await connection.execute(query.order_by(rollback_steps.c.position))).mappings():
        values = {name: row[name] for name in RollbackStep.__dataclass_fields__}
        steps.setdefault(row["rollback_id"], []).append(RollbackStep(**values))
    return steps


async def lock_fenced(connection: AsyncConnection, *, rollback_id: UUID, epoch: int) -> Rollback:
    """Gives the running rollback that a writer still owns; the control row is locked. Raises Fenced."""
    rollback = await find(connection, rollback_events.c.id == rollback_id)
    if rollback is None or rollback.epoch != epoch or rollback.state is not RollbackState.RUNNING:
        raise Fenced(f"rollback {rollback_id}, epoch {epoch}")
    return rollback


def entry(
    before: Rollback | None, after: Rollback, *, action: str, actor: str, effect: str | None = None
) -> audit.Entry:
    """Gives the audit entry of a change of a rollback."""
    return audit.Entry(
        environment=after.environment,
        kind="rollback",
        key=after.key,
        action=action,
        actor=actor,
        reason=after.reason if after.error is None else after.error,
        before=None if before is None else image(before),
        after=image(after),
        run_id=after.run_id,
        epoch=after.epoch,
        effect=effect,
    )


def image(rollback: Rollback) -> Document:
    """Gives what the audit keeps of a rollback."""
    return {
        "id": str(rollback.id),
        "trigger": rollback.trigger.value,
        "state": rollback.state.value,
        "fromPercentage": rollback.from_percentage,
        "toPercentage": rollback.to_percentage,
        "evidence": rollback.evidence,
    }


def values(rollback: Rollback) -> dict[str, Any]:
    """Gives a rollback as the columns of its row."""
    columns = {column.name: getattr(rollback, column.name) for column in rollback_events.c}
    return columns | {"trigger": rollback.trigger.value, "state": rollback.state.value}


def from_row(row: RowMapping) -> Rollback:
    """Reads a row."""
    columns = {column.name: row[column.name] for column in rollback_events.c}
    columns["trigger"], columns["state"] = RollbackTrigger(row["trigger"]), RollbackState(row["state"])
    for name in ("from_percentage", "to_percentage"):
        columns[name] = percentage(row[name])
    return Rollback(**columns)
