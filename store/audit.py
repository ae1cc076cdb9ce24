"""The audit log: one row for each change of state, in the transaction of the change, chained by hashes.

The chain runs through all rows of an environment; its head is kept in the control row, so that a row cut off the end
is missed too. Versions count the changes of one aggregate (environment, kind, key) without gaps.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.control import lock
from store.documents import Document, canonical
from store.tables import audit_log, control

SAID = "audit entries said together"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is said about one change; the images are the aggregate before and after it."""

    environment: str
    kind: str
    key: str
    action: str
    actor: str
    reason: str = ""
    before: Document | None = None
    after: Document | None = None
    run_id: UUID | None = None
    epoch: int | None = None
    step: int | None = None
    effect: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow(Entry):
    """An entry in its place in the chain."""

    sequence: int
    version: int
    occurred_at: datetime
    hash: bytes = field(default=b"", repr=False)


@asynccontextmanager
async def together(connection: AsyncConnection) -> AsyncIterator[None]:
    """Appends at the end of the block, in one go, what is appended within it; for entries of one environment."""
    said: list[Entry] = []
    info = connection.info  # which cannot be asked for any more once a statement was cancelled
    info[SAID] = said
    try:
        yield
    finally:
        info.pop(SAID, None)
    await append(connection, *said)


async def append(connection: AsyncConnection, *entries: Entry) -> None:
    """Appends entries of one environment; takes the control row's lock."""
    said: list[Entry] | None = connection.info.get(SAID)
    if said is not None:
        said.extend(entries)
        return
    if not entries:
        return
    environment = entries[0].environment
    length, previous, at = await head(connection, environment)
    reached = await versions(connection, entries)
    rows: list[AuditRow] = []
    for sequence, entry in enumerate(entries, length + 1):
        version = reached[entry.kind, entry.key] = reached.get((entry.kind, entry.key), 0) + 1
        rows.append(chained(entry, previous, sequence=sequence, version=version, at=at))
        previous = rows[-1].hash
    await connection.execute(insert(audit_log), [values(row) for row in rows])
    statement = update(control).where(control.c.environment == environment)
    await connection.execute(statement.values(audit_length=rows[-1].sequence, audit_hash=previous))


async def head(connection: AsyncConnection, environment: str) -> tuple[int, bytes, datetime]:
    """Locks the end of the chain and gives its length, its last hash and the time."""
    columns = (control.c.audit_length, control.c.audit_hash, func.clock_timestamp())
    query = select(*columns).where(control.c.environment == environment).with_for_update()
    found = (await connection.execute(query)).one_or_none()
    if found is None:
        await lock(connection, environment)
        found = (await connection.execute(query)).one()
    length, last, at = found
    return length, bytes(last), at


async def find(connection: AsyncConnection, *, environment: str, effect: str | None) -> AuditRow | None:
    """Gives the row of an effect that has already happened; take the control row's lock before asking."""
    if effect is None:
        return None
    query = select(audit_log).where(audit_log.c.environment == environment, audit_log.c.effect == effect)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else from_row(row)


async def find_all(
    connection: AsyncConnection,
    *,
    environment: str,
    kind: str | None = None,
    key: str | None = None,
    before: int | None = None,
    limit: int = 1000,
) -> tuple[AuditRow, ...]:
    """Gives rows, the newest first; `before` is the sequence to continue from."""
    query = select(audit_log).where(audit_log.c.environment == environment)
    for column, value in ((audit_log.c.kind, kind), (audit_log.c.key, key)):
        query = query if value is None else query.where(column == value)
    if before is not None:
        query = query.where(audit_log.c.sequence < before)
    rows = await connection.execute(query.order_by(audit_log.c.sequence.desc()).limit(limit))
    return tuple(from_row(row) for row in rows.mappings())


async def first_broken(connection: AsyncConnection, environment: str) -> int | None:
    """Gives the sequence of the first row at which the chain does not hold, or None."""
    previous, expected = b"", 1
    query = select(audit_log).where(audit_log.c.environment == environment).order_by(audit_log.c.sequence)
    for row in map(from_row, (await connection.execute(query)).mappings()):
        if row.sequence != expected or row.hash != digest(previous, row):
            return expected
        previous, expected = row.hash, expected + 1
    query_head = select(control.c.audit_length, control.c.audit_hash).where(control.c.environment == environment)
    head = (await connection.execute(query_head)).one_or_none()
    return None if head is None or tuple(head) == (expected - 1, previous) else expected


async def versions(connection: AsyncConnection, entries: Sequence[Entry]) -> dict[tuple[str, str], int]:
    """Gives the version that each aggregate of the entries has reached."""
    aggregates = {(entry.kind, entry.key) for entry in entries}
    aggregate = tuple_(audit_log.c.kind, audit_log.c.key)
    query = (
        select(audit_log.c.kind, audit_log.c.key, func.max(audit_log.c.version))
        .where(audit_log.c.environment == entries[0].environment, aggregate.in_(aggregates))
        .group_by(audit_log.c.kind, audit_log.c.key)
    )
    return {(kind, key): version for kind, key, version in await connection.execute(query)}


def chained(entry: Entry, previous: bytes, *, sequence: int, version: int, at: datetime) -> AuditRow:
    """Gives an entry its place in the chain."""
    fields = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
    row = AuditRow(**fields, sequence=sequence, version=version, occurred_at=at)
    return replace(row, hash=digest(previous, row))


def digest(previous: bytes, row: AuditRow) -> bytes:
    """Gives the hash of a row: over the hash before it and everything that it says."""
    said = values(row)
    del said["hash"]
    return hashlib.sha256(previous + canonical(said)).digest()


def values(row: AuditRow) -> Document:
    """Gives a row as its columns."""
    return {name: getattr(row, name) for name in AuditRow.__dataclass_fields__}


def from_row(row: RowMapping) -> AuditRow:
    """Reads a row."""
    return AuditRow(**{name: row[name] for name in AuditRow.__dataclass_fields__})
