"""Who has applied a stop, who may not have, and what those may still serve: by what they have recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


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
    """Gives who is behind this epoch, all as of one moment."""
    found: dict[str, list[Behind]] = {"replica": [], "client": []}
    confirmed = {"replica": 0, "client": 0}
    for row in await connection.execute(LOOK, {"environment": environment, "epoch": epoch}):
        if row.name is None:
            confirmed[row.kind] = row.revision
        else:
            found[row.kind].append(Behind(row.name, row.revision, row.age))
    return Look(tuple(found["replica"]), tuple(found["client"]), confirmed["replica"], confirmed["client"])


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


# Who is behind by name; those who are not as a number, in the row without a name.
LOOK = text(
    """
    with who as (
        select 'replica' as kind, replica as name, revision, epoch, seen_at
        from replicas where environment = :environment
        union all
        select 'client', client_id, revision, epoch, seen_at
        from sdk_clients where environment = :environment
    )
    select kind, name, revision, cast(extract(epoch from clock_timestamp() - seen_at) as double precision) as age
    from who where epoch < :epoch
    union all
    select kind, null, count(*), null from who where epoch >= :epoch group by kind
    order by kind, name
    """
)
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
