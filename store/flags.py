"""Flags: published with a new revision each, audited and announced in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import ComponentIsLive, InvalidFlag, PreconditionFailed, Stopped, UnknownFlag
from crossfade.flags import Conditions, Flag, to_definition
from crossfade.states import Variant
from store import audit, control, documents
from store.engine import FLAGS_CHANNEL
from store.flag_rows import columns, from_row
from store.tables import feature_flags, flag_revisions


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All flags of an environment as they were at one instant."""

    revision: int
    epoch: int
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a person sets on a flag without a live run; None leaves a field as it is.

    A percentage sets the ceiling too.
    """

    enabled: bool | None = None
    percentage: Decimal | None = None
    conditions: Conditions | None = None
    overrides: dict[str, Variant] | None = None
    fallback_enabled: bool | None = None
    salt: str | None = None
    targeting_key: str | None = None


async def get(connection: AsyncConnection, *, environment: str, name: str) -> Flag:
    """Gives one flag; raises UnknownFlag."""
    flag = await find(connection, environment=environment, name=name)
    if flag is None:
        raise UnknownFlag(name)
    return flag


async def find(connection: AsyncConnection, *, environment: str, name: str, lock: bool = False) -> Flag | None:
    """Gives one flag or None; `lock` keeps it until the transaction ends."""
    table = feature_flags.c
    query = select(feature_flags).where(table.environment == environment, table.name == name)
    if lock:
        query = query.with_for_update(key_share=True)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else from_row(row)


async def all(connection: AsyncConnection, environment: str) -> tuple[Flag, ...]:  # noqa: A001 - says what it gives
    """Gives every flag of an environment, by name."""
    query = select(feature_flags).where(feature_flags.c.environment == environment).order_by(feature_flags.c.name)
    return tuple(from_row(row) for row in (await connection.execute(query)).mappings())


async def snapshot(connection: AsyncConnection, environment: str) -> Snapshot:
    """Gives the flags with a revision that is not newer than any of them.

    The counters are read first: what commits between the two reads is newer than the revision says, and is
    delivered again with the next one; never the other way round.
    """
    state = await control.get(connection, environment)
    flags = await all(connection, environment)
    return Snapshot(revision=state.revision, epoch=state.epoch, flags=flags)


async def put(
    connection: AsyncConnection,
    *,
    environment: str,
    name: str,
    change: Change,
    actor: str,
    reason: str,
    expected_revision: int | None = None,
) -> Flag:
    """Sets a flag without a live run as a person says, and makes it where it is new.

    Raises ComponentIsLive (lower it with `runs.lower`, raise it through its workflow), Stopped,
    PreconditionFailed where the revision is another than expected, InvalidFlag.
    """
    await control.lock(connection, environment)
    flag = await find(connection, environment=environment, name=name, lock=True)
    if expected_revision is not None and (flag.revision if flag else 0) != expected_revision:
        raise PreconditionFailed(name)
    if flag is not None and flag.is_live:
        raise ComponentIsLive(name)
    changed = apply(flag or Flag(name=name, environment=environment, enabled=False, ceiling=Decimal(0)), change)
    if changed == flag:
        return flag
    return await publish(connection, changed, action="flag.put", actor=actor, reason=reason)


async def publish(
    connection: AsyncConnection,
    flag: Flag,
    *,
    action: str,
    actor: str,
    reason: str,
    run_id: UUID | None = None,
    step: int | None = None,
    effect: str | None = None,
) -> Flag:
    """Publishes one flag with the next revision; raises Stopped where it would serve more during a stop.

    Take the control row's lock, and that of the run, before reading what you change.
    """
    entry = audit.Entry(
        environment=flag.environment,
        kind="flag",
        key=flag.name,
        action=action,
        actor=actor,
        reason=reason,
        run_id=run_id,
        step=step,
        effect=effect,
    )
    (published,) = await publish_all(connection, [(flag, entry)])
    return published


async def publish_all(connection: AsyncConnection, changes: Sequence[tuple[Flag, audit.Entry]]) -> tuple[Flag, ...]:
    """Publishes flags of one environment, each with its own revision, in a number of statements that does not grow."""
    if not changes:
        return ()
    environment = changes[0][0].environment
    state = await control.lock(connection, environment)
    former = await lock_all(connection, environment, [flag.name for flag, _ in changes])
    refuse_raising(state, former, [flag for flag, _ in changes])
    last = await control.next_revision(connection, environment, count=len(changes))
    first = last - len(changes) + 1
    flags = tuple(replace(flag, revision=revision) for revision, (flag, _) in enumerate(changes, first))
    entries = [entry for _, entry in changes]
    await write(connection, flags, entries)
    await audit.append(connection, *(imaged(former, *pair) for pair in zip(flags, entries, strict=True)))
    await announce(connection, environment, last)
    return flags


async def lock_all(connection: AsyncConnection, environment: str, names: Sequence[str]) -> dict[str, Flag]:
    """Locks the flags that exist, in the order of their names."""
    table = feature_flags.c
    query = select(feature_flags).where(table.environment == environment, table.name.in_(names))
    rows = await connection.execute(query.order_by(table.name).with_for_update(key_share=True))
    return {row["name"]: from_row(row) for row in rows.mappings()}


async def write(connection: AsyncConnection, flags: Sequence[Flag], entries: Sequence[audit.Entry]) -> None:
    """Writes the flags and their revisions."""
    statement = upsert(feature_flags)
    keys = ("environment", "name")
    replaced = {name: statement.excluded[name] for name in columns(flags[0]) if name not in keys}
    statement = statement.on_conflict_do_update(
        index_elements=keys, set_={**replaced, "updated_at": func.clock_timestamp()}
    )
    await connection.execute(statement, [columns(flag) for flag in flags])
    revisions = [
        {
            "environment": flag.environment,
            "revision": flag.revision,
            "name": flag.name,
            "run_id": entry.run_id,
            "step": entry.step,
            "epoch": flag.epoch,
            "definition": to_definition(flag),
        }
        for flag, entry in zip(flags, entries, strict=True)
    ]
    await connection.execute(insert(flag_revisions).values(published_at=func.clock_timestamp()), revisions)


async def announce(connection: AsyncConnection, environment: str, revision: int) -> None:
    """Tells every listener, once the transaction commits, that there is something newer to read."""
    payload = documents.dumps({"environment": environment, "revision": revision})
    await connection.execute(
        text("select pg_notify(:channel, :payload)"), {"channel": FLAGS_CHANNEL, "payload": payload}
    )


def refuse_raising(state: control.Control, former: dict[str, Flag], flags: Sequence[Flag]) -> None:
    """Raises Stopped where a stop is in force and a flag would be enabled or serve more than it did."""
    if not state.is_stopped:
        return
    for flag in flags:
        before = former.get(flag.name)
        served = before.served_percentage if before else 0
        enabled = before.enabled if before else False
        if flag.served_percentage > served or (flag.enabled and not enabled):
            raise Stopped(flag.name)


def imaged(former: dict[str, Flag], flag: Flag, entry: audit.Entry) -> audit.Entry:
    """Gives the entry with the flag before and after."""
    before = former.get(flag.name)
    return replace(
        entry,
        epoch=flag.epoch,
        before=None if before is None else to_definition(before),
        after=to_definition(flag),
    )


def apply(flag: Flag, change: Change) -> Flag:
    """Gives the flag as a person has changed it; raises InvalidFlag for a new salt above 0 %."""
    values = {name: value for name in Change.__dataclass_fields__ if (value := getattr(change, name)) is not None}
    if "percentage" in values:
        values["ceiling"] = values["percentage"]
    if values.get("salt", flag.salt) != flag.salt and flag.served_percentage:
        raise InvalidFlag("the salt cannot change above 0 %: everybody would be drawn anew")
    return replace(flag, **values)
