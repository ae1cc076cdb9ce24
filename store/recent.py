"""What one side of a component answered lately."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text
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
      and revision >= coalesce((select min(revision) from flag_revisions where run_id = :run_id), 0)
    group by metric
    """
).bindparams(bindparam("run_id", type_=Uuid))


@dataclass(frozen=True, slots=True)
class Recent:
    """Requests and how many of them failed."""

    requests: int
    errors: int


async def recent(
    connection: AsyncConnection,
    *,
    environment: str,
    component: str,
    variant: Variant,
    seconds: float = 60.0,
    since_run: UUID | None = None,
) -> Recent:
    """Gives what one side answered within the last seconds, by whole buckets, and since a run began."""
    named: dict[str, object] = {"environment": environment, "component": component, "variant": variant.value}
    named |= {"seconds": seconds, "run_id": since_run}
    rows = await connection.execute(_QUERY, named | {"requests": REQUESTS, "errors": ERRORS})
    counts = {row.metric: row.total for row in rows}
    return Recent(requests=counts.get(REQUESTS, 0), errors=counts.get(ERRORS, 0))
