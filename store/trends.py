"""What was measured of many components at once: over time, point by point, and lately, each component apart."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, CursorResult, DateTime, Interval, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.states import Variant
from crossfade.trends import SERIES, Measure

Owner = TypeVar("Owner", int, str)

# A lateral subquery with an aggregate is carried out for each series, by its index and in the partitions of the
# stretch only. Of a gauge each instance is a group of its own, and the highest mean counts.
_OVER_TIME = text(
    """
    with series as materialized (
        select id, variant, metric, kind from metric_series
        where environment = :environment and component = any(:components) and metric = any(:metrics)
    )
    select extract(epoch from point)::bigint as owner, variant, metric,
           sum(total)::bigint as total, sum(zeros)::bigint as zeros, max(mean) as mean,
           coalesce(string_agg(histogram, ''::bytea), ''::bytea) as histogram
    from series cross join lateral (
        select date_bin(:resolution, bucket, timestamptz 'epoch') as point,
               sum(count) as total, sum(zeros) as zeros,
               case when series.kind = 'gauge' then sum(mean * count) / nullif(sum(count), 0) end as mean,
               string_agg(histogram, ''::bytea) filter (where histogram <> ''::bytea) as histogram
        from migration_metrics as sample
        where sample.series_id = series.id and bucket >= :since and bucket < :until
        group by point, case when series.kind = 'gauge' then instance end
    ) as found
    group by point, variant, metric
    """
).bindparams(
    bindparam("environment", type_=Text),
    bindparam("components", type_=ARRAY(Text)),
    bindparam("metrics", type_=ARRAY(Text)),
    bindparam("resolution", type_=Interval),
    bindparam("since", type_=DateTime(timezone=True)),
    bindparam("until", type_=DateTime(timezone=True)),
)

# `is not distinct from` keeps Postgres from the index by run, which holds the whole run.
_LATELY = text(
    """
    with subject as materialized (
        select * from unnest(:components, :run_ids) as subject (component, run_id)
    ), series as materialized (
        select subject.*, id, variant, metric, kind
        from subject join metric_series on environment = :environment and metric_series.component = subject.component
        where metric = any(:metrics)
    )
    select component as owner, variant, metric,
           sum(total)::bigint as total, sum(zeros)::bigint as zeros, max(mean) as mean,
           coalesce(string_agg(histogram, ''::bytea), ''::bytea) as histogram
    from series cross join lateral (
        select sum(count) as total, sum(zeros) as zeros,
               case when series.kind = 'gauge' then sum(mean * count) / nullif(sum(count), 0) end as mean,
               string_agg(histogram, ''::bytea) filter (where histogram <> ''::bytea) as histogram
        from migration_metrics as sample
        where sample.series_id = series.id and bucket >= :since and bucket < :until
          and sample.run_id is not distinct from series.run_id
        group by case when series.kind = 'gauge' then instance end
    ) as found
    group by component, variant, metric
    """
).bindparams(
    bindparam("environment", type_=Text),
    bindparam("components", type_=ARRAY(Text)),
    bindparam("run_ids", type_=ARRAY(Uuid)),
    bindparam("metrics", type_=ARRAY(Text)),
    bindparam("since", type_=DateTime(timezone=True)),
    bindparam("until", type_=DateTime(timezone=True)),
)


async def over_time(
    connection: AsyncConnection,
    *,
    environment: str,
    components: Sequence[str],
    since: datetime,
    until: datetime,
    resolution: timedelta,
) -> list[Measure[int]]:
    """Gives what the components measured together, by points of this width; their owners are the points' starts."""
    stretch = {"since": since, "until": until, "resolution": resolution}
    named = {"environment": environment, "components": list(components), "metrics": list(SERIES)}
    return _measures(await connection.execute(_OVER_TIME, named | stretch), int)


async def lately(
    connection: AsyncConnection,
    *,
    environment: str,
    runs: Mapping[str, UUID | None],
    since: datetime,
    until: datetime,
) -> list[Measure[str]]:
    """Gives what each component measured in its run; without a run, what belongs to none."""
    named = {"environment": environment, "components": list(runs), "run_ids": list(runs.values())}
    stretch = {"since": since, "until": until, "metrics": list(SERIES)}
    return _measures(await connection.execute(_LATELY, named | stretch), str)


def _measures(rows: CursorResult[tuple[object, ...]], kind: type[Owner]) -> list[Measure[Owner]]:
    return [
        Measure(kind(row.owner), Variant(row.variant), row.metric, row.total, row.zeros, row.mean, row.histogram)
        for row in rows
    ]
