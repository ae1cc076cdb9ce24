"""Runs as values, and how their rows are read and locked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import Fenced
from crossfade.percentages import percentage
from crossfade.plan.resolved import ComponentPlan
from crossfade.states import RunState
from store import audit
from store.documents import Document, adapter
from store.tables import run_readings, runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt to roll out one component.

    Step 0 is the run that has begun and published nothing; `reading` is what the monitor judged last, with the time
    of the database's clock in `judged_at`; `former_configuration` is the flag's definition before the run.
    """

    id: UUID
    environment: str
    component: str
    migration_id: UUID | None
    phase: str
    attempt: int
    epoch: int
    state: RunState
    step: int
    percentage: Decimal
    revision: int | None
    published_at: datetime | None
    former_configuration: Document | None
    plan: ComponentPlan
    actor: str
    effect: str | None
    started_at: datetime
    finished_at: datetime | None
    reading: Document | None = None
    judged_at: datetime | None = None

    @property
    def key(self) -> str:
        """What the audit calls it: component and attempt."""
        return f"{self.component}/{self.attempt}"

    @property
    def workflow_id(self) -> str:
        """The id of the workflow that carries it; a later attempt has the same."""
        return f"rollout/{self.environment}/{self.component}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What was published for a run: the flag's revision, the percentage, when by the database's clock."""

    revision: int
    percentage: Decimal
    published_at: datetime


ADVANCING = frozenset({RunState.RAMPING, RunState.HELD, RunState.BAKING})
"""The states in which a run may serve candidate."""
MOST_PLANS = 5_000
_plans: dict[UUID, ComponentPlan] = {}
LIVE = tuple(state.value for state in RunState if state.is_live)


def query() -> Select[Any]:
    """Gives the query for runs with their readings."""
    columns = (*runs.c, run_readings.c.reading, run_readings.c.judged_at)
    return select(*columns).outerjoin(run_readings, run_readings.c.run_id == runs.c.id)


async def get(connection: AsyncConnection, run_id: UUID) -> Run:
    """Reads one run that exists."""
    return from_row((await connection.execute(query().where(runs.c.id == run_id))).mappings().one())


async def lock(connection: AsyncConnection, run_id: UUID) -> Run | None:
    """Reads and locks one run; the control row is locked already."""
    statement = query().where(runs.c.id == run_id).with_for_update(of=runs, key_share=True)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else from_row(row)


async def lock_fenced(
    connection: AsyncConnection, *, run_id: UUID, epoch: int, states: frozenset[RunState] = ADVANCING
) -> Run:
    """Locks the run that a writer still owns; raises Fenced where its epoch or its state has passed."""
    run = await lock(connection, run_id)
    if run is None or run.epoch != epoch or run.state not in states:
        raise Fenced(f"run {run_id}, epoch {epoch}" + ("" if run is None else f": {run.state} in epoch {run.epoch}"))
    return run


async def write(connection: AsyncConnection, before: Run, after: Run, entry: audit.Entry) -> Run:
    """Writes a run's new state with its audit row."""
    statement = update(runs).where(runs.c.id == before.id, runs.c.epoch == before.epoch, runs.c.state == before.state)
    written = await connection.execute(statement.values(changed(before, after)))
    if written.rowcount != 1:
        raise Fenced(f"run {before.id}, epoch {before.epoch}")
    await audit.append(connection, replace(entry, before=image(before), after=image(after)))
    return after


async def write_all(connection: AsyncConnection, changes: Sequence[tuple[Run, Run, audit.Entry]]) -> None:
    """Writes the new states of runs that are locked, in a number of statements that does not grow."""
    if not changes:
        return
    names = ("epoch", "state", "percentage")
    statement = update(runs).where(runs.c.id == bindparam("run")).values({name: bindparam(name) for name in names})
    rows = [{"run": after.id, **{name: getattr(after, name) for name in names}} for _, after, _ in changes]
    await connection.execute(statement, rows)
    entries = (replace(entry, before=image(before), after=image(after)) for before, after, entry in changes)
    await audit.append(connection, *entries)


def changed(before: Run, after: Run) -> Mapping[str, object]:
    """Gives the columns in which two states of a run differ."""
    names = ("epoch", "state", "step", "percentage", "revision", "published_at", "finished_at")
    values = {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}
    return values or {"state": after.state}


def entry(run: Run, *, action: str, actor: str, reason: str, effect: str | None = None) -> audit.Entry:
    """Gives the audit entry of a change of a run; `write` adds the images."""
    return audit.Entry(
        environment=run.environment,
        kind="run",
        key=run.key,
        action=action,
        actor=actor,
        reason=reason,
        run_id=run.id,
        epoch=run.epoch,
        step=run.step,
        effect=effect,
    )


def image(run: Run) -> Document:
    """Gives what the audit keeps of a run: replaying the images gives the state."""
    return {
        "id": str(run.id),
        "state": run.state.value,
        "epoch": run.epoch,
        "step": run.step,
        "percentage": run.percentage,
        "revision": run.revision,
        "publishedAt": run.published_at,
    }


def from_row(row: RowMapping) -> Run:
    """Reads a row of `query`."""
    values = {field: row[field] for field in Run.__dataclass_fields__}
    values["state"] = RunState(row["state"])
    values["percentage"] = percentage(row["percentage"])
    values["plan"] = plan_of(row)
    return Run(**values)


def published(after: Document) -> Published:
    """Reads what an earlier, equal write has published from its audit image."""
    return Published(
        revision=int(after["revision"]),
        percentage=percentage(after["percentage"]),
        published_at=datetime.fromisoformat(after["publishedAt"]),
    )


def plan_of(row: RowMapping) -> ComponentPlan:
    """Gives the plan of a run, which never changes: the monitor reads the plans of all live runs each second."""
    plan = _plans.get(row["id"])
    if plan is None:
        if len(_plans) >= MOST_PLANS:
            _plans.clear()
        plan = _plans[row["id"]] = adapter(ComponentPlan).validate_python(row["plan"])
    return plan
