"""Partial samples made one: what several clients reported each second becomes one row for each slot of time.

Sums, moments, extremes and histograms stay what they were; so does when the newest sample arrived.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, BigInteger, DateTime, Interval, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade import histogram
from store.metrics import COLUMNS
from store.tables import metric_series

# Rows with details stay as they are: there is one for each second in which two sides differed, no more.
# Moments are combined as by Chan, Golub, LeVeque (1979), eq. 2.1, for any number of parts.
_QUERY = text(
    """
    with sample as materialized (
        select series_id, date_bin(:width, bucket, 'epoch') as slot, revision, run_id, step, epoch, instance,
               tableoid as part, ctid as place, count(*) over same as crowd
        from migration_metrics
        where series_id = any(:series) and bucket >= :since and bucket < :before and details is null
        window same as (
            partition by series_id, date_bin(:width, bucket, 'epoch'), revision, run_id, step, epoch, instance
        )
    ), taken as (
        delete from migration_metrics as old using sample
        where crowd > 1 and old.tableoid = part and old.ctid = place
          and old.series_id = any(:series) and old.bucket >= :since and old.bucket < :before
        returning old.*
    ), weighed as (
        select taken.*, date_bin(:width, bucket, 'epoch') as slot,
               sum(count * mean) over same / nullif(sum(count) over same, 0) as grand
        from taken
        window same as (
            partition by series_id, date_bin(:width, bucket, 'epoch'), revision, run_id, step, epoch, instance
        )
    )
    select series_id, slot as bucket, revision, run_id, step, epoch, instance,
           sum(count)::bigint as count, sum(zeros)::bigint as zeros, coalesce(max(grand), 0) as mean,
           coalesce(sum(m2 + count * (mean - grand) ^ 2), 0) as m2, min(min) as min, max(max) as max,
           string_agg(histogram, ''::bytea) as histogram, null as details, (array_agg(batch_id))[1] as batch_id,
           max(ingested_at) as ingested_at, count(*) as parts
    from weighed
    group by series_id, slot, revision, run_id, step, epoch, instance
    """
).bindparams(
    bindparam("series", type_=ARRAY(BigInteger)),
    bindparam("since", type_=DateTime(timezone=True)),
    bindparam("before", type_=DateTime(timezone=True)),
    bindparam("width", type_=Interval),
)
_LOCK = text("select pg_try_advisory_xact_lock(hashtext('crossfade.compaction'))")


async def series(connection: AsyncConnection) -> Sequence[int]:
    """Gives the ids of all series."""
    return (await connection.execute(select(metric_series.c.id).order_by(metric_series.c.id))).scalars().all()


async def compact(
    connection: AsyncConnection, *, series_ids: Sequence[int], since: datetime, before: datetime, width: timedelta
) -> int:
    """Replaces the partial rows of each slot by one, and gives how many; 0 also while another process does it.

    `since` and `before` lie on slots of that width, a divisor of a day: rows stay in their day's partition.
    """
    if not (await connection.execute(_LOCK)).scalar_one():
        return 0
    span = {"series": series_ids, "since": since, "before": before, "width": width}
    rows = (await connection.execute(_QUERY, span)).mappings().all()
    if not rows:
        return 0
    columns = (*COLUMNS, "ingested_at")
    records = [
        tuple({**row, "histogram": histogram.encode(histogram.decode(row["histogram"]))}[name] for name in columns)
        for row in rows
    ]
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    await driver.copy_records_to_table("migration_metrics", records=records, columns=columns)
    return sum(row["parts"] for row in rows)
