"""Who has applied a stop, who may not have, and what those may still serve: by what they have recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Float, Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import replicas, sdk_clients


@dataclass(frozen=True, slots=True)
class Behind:
    """A replica or client that has not confirmed an epoch: its last recorded revision, and seconds since then."""

    name: str
    revision: int
    age: float


@dataclass(frozen=True, slots=True)
class Look:
    """Who is behind an epoch at one moment, and how many have confirmed it."""

    replicas: tuple[Behind, ...]
    clients: tuple[Behind, ...]
    replicas_confirmed: int
    clients_confirmed: int


async def look(connection: AsyncConnection, *, environment: str, epoch: int) -> Look:
    """Gives who is behind this epoch; the replicas are read first, since they are what renews the clients."""
    found = {}
    for table, column in ((replicas, replicas.c.replica), (sdk_clients, sdk_clients.c.client_id)):
        mine = table.c.environment == environment
        rows = await connection.execute(behind(table.c, column).where(mine, table.c.epoch < epoch).order_by(column))
        count = select(func.count()).select_from(table).where(mine, table.c.epoch >= epoch)
        confirmed = int((await connection.execute(count)).scalar_one())
        found[table.name] = (tuple(Behind(row.name, row.revision, row.age) for row in rows), confirmed)
    return Look(
        replicas=found["replicas"][0],
        clients=found["sdk_clients"][0],
        replicas_confirmed=found["replicas"][1],
        clients_confirmed=found["sdk_clients"][1],
    )


def behind(columns: Any, name: ColumnElement[str]) -> Select[Any]:
    """Gives the query for names, revisions and ages by the database's clock."""
    age = func.extract("epoch", func.clock_timestamp() - columns.seen_at).cast(Float)
    return select(name.label("name"), columns.revision, age.label("age"))


async def lasting(
    connection: AsyncConnection, *, environment: str, flags: Sequence[str], revision: int
) -> Mapping[str, int]:
    """Gives the flags that served candidate without a live run, each with the revision that ended it last.

    Whoever has not applied that revision may serve candidate without limit. Looks at revisions up to `revision`.
    """
    rows = await connection.execute(
        LASTING, {"environment": environment, "names": [*flags], "revision": revision, "path": CANDIDATE_OVERRIDE}
    )
    return {row.name: row.ended for row in rows}


CANDIDATE_OVERRIDE = '$.overrides.* ? (@ == "candidate")'
LASTING = text(
    """
    select name, max(following) as ended
    from (
        select name, definition, lead(revision) over (partition by name order by revision) as following
        from flag_revisions
        where environment = :environment and name = any(:names) and revision <= :revision
    ) as published
    where following is not null
      and (definition->>'enabled')::boolean and not (definition->>'isLive')::boolean
      and (definition->>'ceiling')::numeric > 0
      and ((definition->>'percentage')::numeric > 0 or jsonb_path_exists(definition, cast(:path as jsonpath)))
    group by name
    """
)
