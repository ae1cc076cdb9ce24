"""What was measured of whole runs, both sides apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.states import Variant
from crossfade.statistics.histogram import Histograms
from crossfade.wire import (
    COMPARISONS,
    CONNECTIONS_ABNORMAL,
    CONNECTIONS_CLOSED,
    CONNECTIONS_OPENED,
    ERRORS,
    FALLBACKS,
    MISMATCHES,
    REQUESTS,
    RESPONSE_TIME,
)

_QUERY = text(
    """
    select run_id, variant, metric, sum(count)::bigint as total, sum(zeros)::bigint as zeros,
           coalesce(string_agg(histogram, ''::bytea) filter (where histogram <> ''::bytea), ''::bytea) as histogram
    from migration_metrics join metric_series on metric_series.id = series_id
    where run_id = any(:run_ids) and kind <> 'gauge'
    group by run_id, variant, metric
    """
).bindparams(bindparam("run_ids", type_=ARRAY(Uuid)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """One side of a run since it began; rates and times are None without requests."""

    run_id: UUID
    variant: Variant
    requests: int = 0
    errors: int = 0
    error_rate: float | None = None
    p95_ms: float | None = None
    fallbacks: int = 0
    comparisons: int = 0
    mismatches: int = 0
    connections_opened: int = 0
    connections_closed: int = 0
    connections_abnormal: int = 0

    @property
    def connections_open(self) -> int:
        """How many connections are open."""
        return max(self.connections_opened - self.connections_closed, 0)


async def totals(connection: AsyncConnection, *, run_ids: Sequence[UUID]) -> tuple[Totals, ...]:
    """Gives two totals for each run, legacy's and candidate's."""
    counts: dict[tuple[UUID, str], dict[str, int]] = {}
    times: dict[tuple[UUID, str], tuple[int, bytes]] = {}
    for row in await connection.execute(_QUERY, {"run_ids": list(run_ids)}):
        key = (row.run_id, row.variant)
        counts.setdefault(key, {})[row.metric] = row.total
        if row.metric == RESPONSE_TIME:
            times[key] = (row.zeros, row.histogram)
    p95s = _p95s(times)
    keys = [(run_id, variant) for run_id in run_ids for variant in Variant]
    return tuple(_total(*key, counts.get(key, {}), p95s.get(key)) for key in keys)


def _p95s(times: dict[tuple[UUID, str], tuple[int, bytes]]) -> dict[tuple[UUID, str], float]:
    zeros = [zero for zero, _ in times.values()]
    values = Histograms.decoded([histogram for _, histogram in times.values()]).quantiles(0.95, zeros=zeros)
    return {key: value for key, value in zip(times, values.tolist(), strict=True) if not math.isnan(value)}


def _total(run_id: UUID, variant: Variant, counts: dict[str, int], p95_ms: float | None) -> Totals:
    requests, errors = counts.get(REQUESTS, 0), counts.get(ERRORS, 0)
    return Totals(
        run_id=run_id,
        variant=variant,
        requests=requests,
        errors=errors,
        error_rate=errors / requests if requests else None,
        p95_ms=p95_ms,
        fallbacks=counts.get(FALLBACKS, 0),
        comparisons=counts.get(COMPARISONS, 0),
        mismatches=counts.get(MISMATCHES, 0),
        connections_opened=counts.get(CONNECTIONS_OPENED, 0),
        connections_closed=counts.get(CONNECTIONS_CLOSED, 0),
        connections_abnormal=counts.get(CONNECTIONS_ABNORMAL, 0),
    )
