"""What the dashboard shows of an environment: light rows, a number of queries that does not grow."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, case, func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.percentages import percentage
from crossfade.states import ComponentStatus, MigrationStatus, Severity, Verdict
from store import run_rows
from store.alerts import is_open
from store.tables import alert_events, control, migrations, monitors, runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an environment stands at `at`, the time of the database's clock."""

    at: datetime
    revision: int
    stop_reason: str | None
    judged_ago: timedelta | None
    has_live_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A migration without its plan."""

    id: UUID
    environment: str
    name: str
    number: int
    status: MigrationStatus
    reason: str
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def workflow_id(self) -> str:
        """The id of the workflow that carries it out."""
        return f"migration/{self.environment}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A component with what its run and its flag say; `percentage` is what is served now."""

    name: str
    phase: str
    status: ComponentStatus
    reason: str
    waiting_for: str | None
    run_id: UUID | None
    step: int
    percentages: tuple[Decimal, ...]
    percentage: Decimal
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlert:
    """An alert that is not resolved, without its evidence."""

    id: UUID
    component: str
    rule: str
    severity: Severity
    state: str
    fired_at: datetime
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """How many alerts are open, and the worst of them, the newest first within a severity."""

    by_severity: Mapping[Severity, int]
    worst: tuple[OpenAlert, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The newest result of one metric of an experiment."""

    experiment: str
    component: str
    run_id: UUID | None
    step: int | None
    metric: str
    method: str
    valid: bool
    estimate: float | None
    lower: float | None
    upper: float | None
    p_value: float | None
    computed_at: datetime


_PARTS = text(
    """
    select part.name, part.phase, part.status, part.reason, part.waiting_for, part.run_id,
           coalesce(run.step, 0) as step,
           jsonb_path_query_array(part.plan, '$.steps[*].percentage') as percentages,
           case when flag.name is not null and (run.id is null or run.epoch = flag.epoch) then flag.served
                else coalesce(run.percentage, 0) end as percentage,
           reading.reading ->> 'verdict' as verdict
    from migration_components as part
    left join runs as run on run.id = part.run_id
    left join run_readings as reading on reading.run_id = run.id
    left join feature_flags as flag on flag.environment = part.environment and flag.name = part.name
    where part.migration_id = :migration_id
    order by part.position
    """
).bindparams(bindparam("migration_id", type_=Uuid))
_FINDINGS = text(
    """
    select * from (
        select distinct on (experiment, component, metric, method) * from statistical_results
        where environment = :environment
        order by experiment, component, metric, method, computed_at desc
    ) as newest
    order by computed_at desc, id limit :limit
    """
)
_LIVE = tuple(status.value for status in MigrationStatus if status.is_live)


async def at_one_instant(connection: AsyncConnection) -> None:
    """Makes all queries of the transaction, of which this is the first, see the same instant."""
    await connection.execute(text("set transaction isolation level repeatable read, read only"))


async def standing(connection: AsyncConnection, environment: str) -> Standing:
    """Gives where an environment stands; one that nobody has written to is at revision 0."""
    now = func.clock_timestamp()
    ticked = select(now - monitors.c.ticked_at).where(monitors.c.environment == environment)
    live = select(runs.c.id).where(runs.c.environment == environment, runs.c.state.in_(run_rows.LIVE))
    state = control.c
    stopped = case((state.stopped_at.is_not(None), func.coalesce(state.stop_reason, "")))
    one = select(literal_column("1")).subquery()
    query = select(
        now.label("at"),
        func.coalesce(state.revision, 0).label("revision"),
        stopped.label("stop_reason"),
        ticked.scalar_subquery().label("judged_ago"),
        live.exists().label("has_live_run"),
    ).select_from(one.outerjoin(control, state.environment == environment))
    return Standing(**(await connection.execute(query)).mappings().one())


async def heading(connection: AsyncConnection, environment: str, migration_id: UUID | None) -> Heading | None:
    """Gives the migration with this id; without one the newest live one, else the newest."""
    table = migrations.c
    columns = [table[name] for name in Heading.__dataclass_fields__]
    query = select(*columns).where(table.environment == environment)
    if migration_id is not None:
        query = query.where(table.id == migration_id)
    order = (table.status.in_(_LIVE).desc(), table.created_at.desc(), table.id.desc())
    row = (await connection.execute(query.order_by(*order).limit(1))).mappings().one_or_none()
    return None if row is None else Heading(**{**row, "status": MigrationStatus(row["status"])})


async def parts(connection: AsyncConnection, migration_id: UUID) -> tuple[Part, ...]:
    """Gives the components of a migration in the order of its plan."""
    rows = await connection.execute(_PARTS, {"migration_id": migration_id})
    return tuple(_part(**row) for row in rows.mappings())


async def alerts(connection: AsyncConnection, environment: str, *, limit: int) -> Alerts:
    """Gives the open alerts: all of them counted, the worst of them one by one."""
    table = alert_events.c
    mine = (table.environment == environment, is_open())
    counted = await connection.execute(select(table.severity, func.count()).where(*mine).group_by(table.severity))
    counts = {Severity(severity): count for severity, count in counted}
    rank = case({severity.value: place for place, severity in enumerate(Severity)}, value=table.severity)
    columns = [table[name] for name in OpenAlert.__dataclass_fields__]
    worst = select(*columns).where(*mine).order_by(rank.desc(), table.fired_at.desc(), table.id.desc()).limit(limit)
    rows = (await connection.execute(worst)).mappings()
    return Alerts(
        by_severity={severity: counts.get(severity, 0) for severity in Severity},
        worst=tuple(OpenAlert(**{**row, "severity": Severity(row["severity"])}) for row in rows),
    )


async def findings(connection: AsyncConnection, environment: str, *, limit: int) -> tuple[Finding, ...]:
    """Gives the newest result of each experiment's metrics, the newest first."""
    rows = await connection.execute(_FINDINGS, {"environment": environment, "limit": limit})
    return tuple(_finding(**row) for row in rows.mappings())


def _part(*, status: str, percentages: list[str], verdict: str | None, **others: Any) -> Part:
    return Part(
        **{**others, "percentage": percentage(others["percentage"])},
        status=ComponentStatus(status),
        percentages=tuple(percentage(each) for each in percentages),
        verdict=None if verdict is None else Verdict(verdict),
    )


def _finding(*, log_p: float | None, **columns: Any) -> Finding:
    kept = {name: value for name, value in columns.items() if name in Finding.__dataclass_fields__}
    return Finding(**kept, p_value=None if log_p is None else math.exp(log_p))
