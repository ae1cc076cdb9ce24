"""Everything that the invariants of one environment are checked on, read in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

import store.components
import store.flags
import store.migrations
import store.phases
import store.rollbacks
from crossfade.flags import Flag, from_definition
from store import audit, run_rows
from store.audit import AuditRow
from store.components import Component
from store.migrations import Migration
from store.phases import Phase
from store.rollbacks import Rollback
from store.run_rows import Run
from store.tables import runs


@dataclass(frozen=True, slots=True)
class Revision:
    """One publication of a flag."""

    flag: Flag
    run_id: UUID | None
    step: int | None


@dataclass(frozen=True, slots=True)
class Open:
    """An alert that nobody has resolved."""

    rule: str
    component: str
    run_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An environment, in the order in which things happened; checkers read it and nothing else.

    Attributes:
        batches: ids of the batches that were taken.
        counted: what is stored of all batches, by metric.
        acknowledged: ids of the batches that clients have an answer for.
        sent: what the clients were told to have been counted, by metric; None where nobody has kept it.
        requests: candidate requests that were counted, by run and step.
        running: ids of the workflows that Temporal runs; None where nobody asked Temporal.
    """

    environment: str
    audit: tuple[AuditRow, ...]
    runs: tuple[Run, ...]
    rollbacks: tuple[Rollback, ...]
    revisions: tuple[Revision, ...]
    flags: tuple[Flag, ...]
    migrations: tuple[Migration, ...]
    phases: tuple[Phase, ...]
    components: tuple[Component, ...]
    alerts: tuple[Open, ...]
    batches: frozenset[str]
    counted: Mapping[str, int]
    requests: Mapping[tuple[UUID, int], int]
    acknowledged: frozenset[str] = frozenset()
    sent: Mapping[str, int] | None = None
    running: frozenset[str] | None = None

    def run(self, run_id: UUID) -> Run:
        """The run with this id."""
        return next(run for run in self.runs if run.id == run_id)

    def said_of(self, kind: str) -> list[AuditRow]:
        """The audit rows of one kind of aggregate."""
        return [row for row in self.audit if row.kind == kind]


async def view_of(connection: AsyncConnection, environment: str) -> View:
    """Read an environment."""
    rows = await connection.execute(run_rows.query().where(runs.c.environment == environment).order_by(runs.c.epoch))
    migrations = await store.migrations.list(connection, environment=environment, limit=1000)
    phases = [await store.phases.list(connection, migration_id=each.id) for each in migrations]
    components = [await store.components.list(connection, migration_id=each.id) for each in migrations]
    return View(
        environment=environment,
        audit=(await audit.find_all(connection, environment=environment, limit=100_000))[::-1],
        runs=tuple(map(run_rows.from_row, rows.mappings())),
        rollbacks=await store.rollbacks.list(connection, environment=environment, limit=1000),
        revisions=await _revisions(connection, environment),
        flags=await store.flags.all(connection, environment),
        migrations=migrations,
        phases=tuple(phase for each in phases for phase in each),
        components=tuple(component for each in components for component in each),
        alerts=tuple([Open(*row) for row in await _rows(connection, environment, ALERTS)]),
        batches=frozenset(str(row[0]) for row in await _rows(connection, environment, BATCHES)),
        counted={row[0]: row[1] for row in await _rows(connection, environment, COUNTED)},
        requests={(row[0], row[1]): row[2] for row in await _rows(connection, environment, REQUESTS)},
    )


ALERTS = "select rule, component, run_id from alert_events where environment = :environment and state <> 'resolved'"
BATCHES = "select batch_id from ingest_batches where environment = :environment"
COUNTED = """
    select metric, sum(count)::bigint from migration_metrics join metric_series on id = series_id
    where environment = :environment group by metric
"""
REQUESTS = """
    select run_id, step, sum(count)::bigint from migration_metrics join metric_series on id = series_id
    where environment = :environment and variant = 'candidate' and metric = 'requests' and run_id is not null
    group by run_id, step
"""
REVISIONS = """
    select definition, run_id, step from flag_revisions where environment = :environment order by revision
"""


async def _revisions(connection: AsyncConnection, environment: str) -> tuple[Revision, ...]:
    rows = await _rows(connection, environment, REVISIONS)
    return tuple(Revision(from_definition(row[0]), row[1], row[2]) for row in rows)


async def _rows(connection: AsyncConnection, environment: str, query: str) -> list[Any]:
    return list(await connection.execute(text(query), {"environment": environment}))
