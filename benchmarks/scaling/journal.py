"""What Postgres says afterwards: how long each step took, when phases followed, how soon the fault was taken back."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import asyncpg

MOVES = ("run.begin", "run.step", "run.bake", "run.complete", "approve")
TABLES = ("migration_metrics", "ingest_batches", "audit_log", "outbox", "flag_revisions", "rollback_events")


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the audit of a run."""

    run: str
    action: str
    step: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Fault:
    """What happened to the component whose candidate failed, in seconds from its first bad batch."""

    component: str
    rolled_back: float
    phase_paused: float


@dataclass(frozen=True, slots=True)
class Grown:
    """How large a table has become."""

    rows: int
    megabytes: float


async def moves(connection: asyncpg.Connection, migration: str) -> list[Move]:
    """The audited moves of all runs of a migration, each run's in their order."""
    rows = await connection.fetch(
        "select runs.component, action, audit_log.step, occurred_at from audit_log join runs on runs.id = run_id"
        " where audit_log.environment = 'production' and kind = 'run' and action = any($1) and migration_id = $2::uuid"
        " order by runs.component, sequence",
        MOVES,
        migration,
    )
    return [Move(*row) for row in rows]


def waits(moved: Iterable[Move], holds: Mapping[str, Sequence[float]], bake: float) -> dict[str, list[float]]:
    """What each step took beyond its hold, in seconds, by what came after it.

    A step that a person has approved is left out: that is the person's time.
    """
    by_run: dict[str, list[Move]] = defaultdict(list)
    for move in moved:
        by_run[move.run].append(move)
    found: dict[str, list[float]] = defaultdict(list)
    for run, rows in by_run.items():
        for one, following in pairwise(rows):
            if "approve" not in {one.action, following.action}:
                seconds = (following.at - one.at).total_seconds() - _hold(one, holds[run], bake)
                found[_words(one, following)].append(seconds)
    return dict(found)


async def turnarounds(connection: asyncpg.Connection, migration: str) -> list[float]:
    """Seconds from the end of the last phase that another depends on to that one's start."""
    rows = await connection.fetch(
        "select extract(epoch from following.started_at - max(former.finished_at))::float as seconds"
        " from migration_phases as following join migration_phases as former"
        " on former.migration_id = following.migration_id and following.depends_on ? former.name"
        " where following.migration_id = $1::uuid group by following.name, following.started_at",
        migration,
    )
    return [row["seconds"] for row in rows]


async def fault(connection: asyncpg.Connection, component: str, bad_at: datetime | None) -> Fault | None:
    """How the failing component was taken back; None when it was not."""
    row = await connection.fetchrow(
        "select extract(epoch from started_at - $2)::float as rolled_back,"
        "  (select extract(epoch from min(occurred_at) - $2)::float from audit_log where environment = 'production'"
        "   and kind = 'phase' and action = 'phase.paused' and occurred_at >= $2) as paused"
        " from rollback_events where component = $1 and started_at >= $2",
        component,
        bad_at,
    )
    return None if row is None else Fault(component, row["rolled_back"], row["paused"])


async def grown(connection: asyncpg.Connection) -> dict[str, Grown]:
    """The tables that grow with operation."""
    found = {}
    for table in TABLES:
        rows = await connection.fetchval(f"select count(*) from {table}")
        size = await connection.fetchval(
            "select sum(pg_total_relation_size(relid)) from pg_partition_tree($1::text::regclass)", table
        )
        plain = await connection.fetchval("select pg_total_relation_size($1::text::regclass)", table)
        found[table] = Grown(rows, round(float(max(size or 0, plain)) / 2**20, 1))
    return found


def _hold(move: Move, holds: Sequence[float], bake: float) -> float:
    if move.action == "run.bake":
        return bake
    return holds[move.step - 1] if move.step else 0.0


def _words(one: Move, following: Move) -> str:
    begun = {"run.begin": "begun", "run.bake": "baking"}.get(one.action, f"step {one.step}")
    ends = {"run.bake": "bake", "run.complete": "complete"}.get(following.action, f"step {following.step}")
    return f"{begun} to {ends}"
