"""The samples that the monitor judges: all live runs in one query."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Integer, Row, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.samples import Key, Measured, Samples, Span
from crossfade.states import Variant
from crossfade.wire import REQUESTS

# Three kinds of rows: samples by window (over 0), candidate requests of the step (0), declared series (-1).
# A lateral subquery with an aggregate is carried out for each window, by series and bucket; `is not distinct from`
# keeps Postgres from the index by run, which holds the whole run. `latest` leaves out the partitions of days to come.
# Of the instances of a gauge the one with the highest mean speaks, for the samples of all.
_QUERY = text(
    """
    with subject as materialized (
        select * from unnest(:ordinals, :components, :run_ids, :steps, :revisions, :counted_from, :closes_at)
            as subject (ordinal, component, run_id, step, revision, counted_from, closes_at)
    ), span as materialized (
        select * from unnest(:span_ordinals, :seconds, :since) as span (ordinal, seconds, since)
    ), series as materialized (
        select subject.*, metric_series.id as series_id, variant, metric, kind
        from subject join metric_series on environment = :environment and metric_series.component = subject.component
    )
    select series.ordinal, seconds, variant, metric, instance, total, zeros, mean, histogram, newest, last_bucket
    from series
    join span on span.ordinal = series.ordinal
    cross join lateral (
        select (array_agg(instance order by mean desc, instance))[1] as instance,
               sum(total)::bigint as total, sum(zeros)::bigint as zeros, max(mean) as mean,
               string_agg(histogram, ''::bytea) as histogram, max(newest) as newest, max(last_bucket) as last_bucket
        from (
            select case when series.kind = 'gauge' then sample.instance end as instance,
                   sum(count)::bigint as total, sum(zeros)::bigint as zeros,
                   coalesce(sum(mean * count) / nullif(sum(count), 0), 0)::double precision as mean,
                   coalesce(string_agg(histogram, ''::bytea), ''::bytea) as histogram,
                   extract(epoch from max(ingested_at))::double precision as newest,
                   extract(epoch from max(bucket))::double precision as last_bucket
            from migration_metrics as sample
            where sample.series_id = series.series_id and bucket >= span.since and bucket < :latest
              and sample.run_id is not distinct from series.run_id
              and sample.step = series.step and sample.revision >= series.revision
            group by 1
        ) as of_instance
        having count(*) > 0
    ) as found
    union all
    select series.ordinal, 0, variant, metric, null, coalesce(opened, 0), coalesce(closed, 0), 0, ''::bytea, 0, 0
    from series
    cross join lateral (
        select sum(count) filter (where bucket >= series.closes_at)::bigint as opened,
               sum(count) filter (where bucket < series.closes_at)::bigint as closed
        from migration_metrics as sample
        where sample.series_id = series.series_id and bucket >= series.counted_from and bucket < :latest
          and sample.run_id is not distinct from series.run_id
          and sample.step = series.step and sample.revision >= series.revision
    ) as found
    where variant = 'candidate' and metric = :requests
    union all
    select ordinal, -1, variant, metric, null, 0, 0, 0, ''::bytea, 0, 0 from series
    """
).bindparams(
    bindparam("ordinals", type_=ARRAY(Integer)),
    bindparam("components", type_=ARRAY(Text)),
    bindparam("run_ids", type_=ARRAY(Uuid)),
    bindparam("steps", type_=ARRAY(Integer)),
    bindparam("revisions", type_=ARRAY(BigInteger)),
    bindparam("counted_from", type_=ARRAY(DateTime(timezone=True))),
    bindparam("closes_at", type_=ARRAY(DateTime(timezone=True))),
    bindparam("span_ordinals", type_=ARRAY(Integer)),
    bindparam("seconds", type_=ARRAY(Integer)),
    bindparam("since", type_=ARRAY(DateTime(timezone=True))),
    bindparam("latest", type_=DateTime(timezone=True)),
    bindparam("environment", type_=Text),
    bindparam("requests", type_=Text),
)

_STEP, _DECLARED = 0, -1
# No sample is that far ahead of the newest window, however much the clocks of two servers differ.
AHEAD = timedelta(days=1)


async def measured(connection: AsyncConnection, *, environment: str, spans: Sequence[Span]) -> list[Measured]:
    """Gives what was measured of each run, in the order asked for."""
    if not spans:
        return []
    rows = await connection.execute(_QUERY, _parameters(environment, spans))
    found = [_Found() for _ in spans]
    for row in rows:
        found[row.ordinal].add(row)
    return [each.measured() for each in found]


def _parameters(environment: str, spans: Sequence[Span]) -> dict[str, object]:
    windows = [(ordinal, *window) for ordinal, span in enumerate(spans) for window in span.windows.items()]
    return {
        "environment": environment,
        "requests": REQUESTS,
        "ordinals": list(range(len(spans))),
        "components": [span.component for span in spans],
        "run_ids": [UUID(span.run_id) for span in spans],
        "steps": [span.step for span in spans],
        "revisions": [span.since_revision for span in spans],
        "counted_from": [span.counted_from for span in spans],
        "closes_at": [span.closes_at for span in spans],
        "span_ordinals": [ordinal for ordinal, _, _ in windows],
        "seconds": [seconds for _, seconds, _ in windows],
        "since": [since for _, _, since in windows],
        "latest": max(since for _, _, since in windows) + AHEAD,
    }


class _Found:
    """What the rows say of one run."""

    __slots__ = ("closed", "declared", "opened", "windows")

    def __init__(self) -> None:
        self.windows: dict[Key, Samples] = {}
        self.declared: list[tuple[Variant, str]] = []
        self.opened = self.closed = 0

    def add(self, row: Row[tuple[object, ...]]) -> None:
        if row.seconds == _DECLARED:
            self.declared.append((Variant(row.variant), row.metric))
        elif row.seconds == _STEP:
            self.opened, self.closed = row.total, row.zeros
        else:
            key = Key(row.seconds, Variant(row.variant), row.metric)
            measured = (row.total, row.zeros, row.mean, row.histogram, row.newest, row.last_bucket, row.instance)
            self.windows[key] = Samples(*measured)

    def measured(self) -> Measured:
        return Measured(
            windows=self.windows,
            declared=frozenset(self.declared),
            open_requests=self.opened,
            closed_requests=self.closed,
        )
