"""The series that samples belong to, and their ids, which never change."""

from collections.abc import Collection
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import metric_series

LARGEST_CACHE = 100_000


class Name(NamedTuple):
    """What tells a series from the others of its environment."""

    component: str
    variant: str
    metric: str
    kind: str


# Per database, and only what an earlier transaction has committed: what this one inserts may still be undone.
_known: WeakKeyDictionary[Engine, dict[tuple[str, Name], int]] = WeakKeyDictionary()

_FIND = text(
    """
    select component, variant, metric, kind, id,
           xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint % 4294967296 as committed
    from metric_series where environment = :environment and component = any(:components)
    """
)


async def ids(connection: AsyncConnection, *, environment: str, names: Collection[Name]) -> dict[Name, int]:
    """Gives the ids of some series; declares those that are new."""
    known = _known.setdefault(connection.sync_connection.engine, {}) if connection.sync_connection else {}
    wanted = {name for name in names if (environment, name) not in known}
    found: dict[Name, int] = {}
    if wanted:
        found = await _find(connection, environment, wanted, known)
    if new := sorted(wanted - found.keys()):
        found |= await _declare(connection, environment, new)
        # Somebody else declared it meanwhile.
        if missing := wanted - found.keys():
            found |= await _find(connection, environment, missing, known)
    return {name: found[name] if name in found else known[environment, name] for name in names}


async def _find(
    connection: AsyncConnection, environment: str, wanted: Collection[Name], known: dict[tuple[str, Name], int]
) -> dict[Name, int]:
    components = sorted({name.component for name in wanted})
    found: dict[Name, int] = {}
    for *parts, identity, committed in await connection.execute(
        _FIND, {"environment": environment, "components": components}
    ):
        name = Name(*parts)
        found[name] = identity
        if committed and len(known) < LARGEST_CACHE:
            known[environment, name] = identity
    return found


async def _declare(connection: AsyncConnection, environment: str, names: list[Name]) -> dict[Name, int]:
    """Inserts in sorted order: two batches that declared in different orders would wait for each other."""
    columns = metric_series.c
    declare = (
        insert(metric_series)
        .values([{"environment": environment, **name._asdict()} for name in names])
        .on_conflict_do_nothing()
        .returning(columns.component, columns.variant, columns.metric, columns.kind, columns.id)
    )
    return {Name(*parts): identity for *parts, identity in await connection.execute(declare)}
