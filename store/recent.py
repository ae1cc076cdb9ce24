"""What one side of a component answered lately, whatever run or step it belongs to."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.states import Variant
from crossfade.wire import ERRORS, REQUESTS

_QUERY = text(
    """
    select metric, sum(count)::bigint as total
    from migration_metrics join metric_series on metric_series.id = series_id
    where environment = :environment and component = :component and variant = :variant
      and metric in (:requests, :errors)
      and bucket >= clock_timestamp() - make_interval(secs => :seconds)
    group by metric
    """
)


@dataclass(frozen=True, slots=True)
class Recent:
    """Requests and how many of them failed."""

    requests: int
    errors: int


async def recent(
    connection: AsyncConnection, *, environment: str, component: str, variant: Variant, seconds: float = 60.0
) -> Recent:
    """Gives what one side answered within the last seconds, by whole buckets."""
    named = {"environment": environment, "component": component, "variant": variant.value, "seconds": seconds}
    rows = await connection.execute(_QUERY, named | {"requests": REQUESTS, "errors": ERRORS})
    counts = {row.metric: row.total for row in rows}
    return Recent(requests=counts.get(REQUESTS, 0), errors=counts.get(ERRORS, 0))
