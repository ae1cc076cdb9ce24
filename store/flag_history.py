"""What became of a flag: every change with who, why, from and to; and its end."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import ComponentIsLive, PreconditionFailed, UnknownFlag
from crossfade.flags import Flag, to_definition
from store import audit, control, flags
from store.documents import Document
from store.tables import feature_flags, flag_revisions

COUNTERS = frozenset({"revision", "epoch"})
"""Members that differ after every change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of a flag.

    Attributes:
        sequence: its place in the environment's audit.
        revision: the revision it was published with; of the end of a flag, its last one.
        before: the members that changed, as they were; empty for a new flag.
        after: the same members as they are since; empty for an archived flag.
    """

    sequence: int
    revision: int
    at: datetime
    action: str
    actor: str
    reason: str
    run_id: UUID | None
    step: int | None
    before: Document
    after: Document


async def history(
    connection: AsyncConnection, *, environment: str, name: str, before: int | None = None, limit: int = 100
) -> tuple[Change, ...]:
    """Gives the changes of a flag, the newest first; `before` is the sequence to go on from.

    Raises UnknownFlag where there never was one of that name.
    """
    rows = await audit.find_all(connection, environment=environment, kind="flag", key=name, before=before, limit=limit)
    if not rows and before is None:
        raise UnknownFlag(name)
    return tuple(change_of(row) for row in rows)


async def archive(
    connection: AsyncConnection,
    *,
    environment: str,
    name: str,
    actor: str,
    reason: str,
    expected_revision: int | None = None,
) -> Flag:
    """Ends a flag and gives it as it was: nobody is served by it any more, its history stays, its name is free.

    Raises UnknownFlag, PreconditionFailed, ComponentIsLive while a run moves it.
    """
    await control.lock(connection, environment)
    flag = await flags.find(connection, environment=environment, name=name, lock=True)
    if flag is None:
        raise UnknownFlag(name)
    if expected_revision is not None and flag.revision != expected_revision:
        raise PreconditionFailed(name)
    if flag.is_live:
        raise ComponentIsLive(name)
    await end(connection, flag)
    entry = audit.Entry(
        environment=environment,
        kind="flag",
        key=name,
        action="flag.archive",
        actor=actor,
        reason=reason,
        epoch=flag.epoch,
        before=to_definition(flag),
    )
    await audit.append(connection, entry)
    return flag


async def end(connection: AsyncConnection, flag: Flag) -> None:
    """Takes the flag out of what is served, in a revision of its own, so that everybody learns of it."""
    table = feature_flags.c
    await connection.execute(
        delete(feature_flags).where(table.environment == flag.environment, table.name == flag.name)
    )
    revision = await control.next_revision(connection, flag.environment)
    values = {
        "environment": flag.environment,
        "revision": revision,
        "name": flag.name,
        "epoch": flag.epoch,
        "definition": {**to_definition(flag), "enabled": False, "isArchived": True},
        "published_at": func.clock_timestamp(),
    }
    await connection.execute(insert(flag_revisions).values(values))
    await flags.announce(connection, flag.environment, revision)


def change_of(row: audit.AuditRow) -> Change:
    """Reads a change from its audit row."""
    before, after = row.before or {}, row.after or {}
    changed = [
        member
        for member in {**before, **after}
        if member not in COUNTERS and (member not in before or member not in after or before[member] != after[member])
    ]
    return Change(
        sequence=row.sequence,
        revision=int((after or before)["revision"]),
        at=row.occurred_at,
        action=row.action,
        actor=row.actor,
        reason=row.reason,
        run_id=row.run_id,
        step=row.step,
        before={member: before[member] for member in changed if member in before},
        after={member: after[member] for member in changed if member in after},
    )
