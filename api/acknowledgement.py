"""The proof of a stop: every replica and client has confirmed its epoch, or can serve no live rollout any more.

Why it holds is in docs/decisions/0008.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.database import Database
from api.problems import Problem, Refused
from store import acknowledgements
from store.acknowledgements import Behind, Look
from store.clients import VALIDITY
from store.replicas import LEASE, MARGIN

# Whoever answers does so within a few hundredths of a second; after that it is only a matter of expiry.
SHORTEST_PAUSE, LONGEST_PAUSE, GROWTH = 0.005, 0.05, 1.2
LOOK_SECONDS = 2.0
_LEASE_SECONDS = (LEASE + MARGIN).total_seconds()
# A read within the lease of what was recorded last may have begun at its end, and its own record be on the way.
_SILENT_SECONDS = (2 * LEASE + MARGIN).total_seconds()
LEGACY_SECONDS = (VALIDITY + MARGIN).total_seconds()
"""From the stop's commit, or from the loss of Postgres, until no client serves a live rollout whatever happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is to be proven: nobody serves candidate of these flags any more from this epoch and revision on."""

    environment: str
    epoch: int
    revision: int
    flags: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How many have confirmed and expired, and who may still serve which flags that need no lease."""

    replicas_applied: int
    replicas_expired: int
    clients_confirmed: int
    clients_expired: int
    may_still_serve: Mapping[str, Sequence[str]] | None


async def prove(database: Database, scope: Scope) -> Proof:
    """Wait until the proof can be told: at most `LEGACY_SECONDS` after the commit, which was before this call.

    Raises:
        Refused: 503, Postgres went away meanwhile.
    """
    committed = time.monotonic()
    pause = SHORTEST_PAUSE
    while True:
        elapsed = time.monotonic() - committed
        found = await _look(database, scope)
        if is_over(found, elapsed):
            return await _told(database, scope, found)
        await asyncio.sleep(pause)
        pause = min(pause * GROWTH, LONGEST_PAUSE)


def is_over(found: Look, elapsed: float) -> bool:
    """Whether nobody who is behind can serve a live rollout: `elapsed` seconds after the commit, or more, at the look.

    Whoever is behind was renewed by a read that began before the commit, and not long after its last record.
    """
    if elapsed >= LEGACY_SECONDS:
        return True
    replicas = all(elapsed >= _LEASE_SECONDS or replica.age >= _SILENT_SECONDS for replica in found.replicas)
    return replicas and all(client.age >= LEGACY_SECONDS for client in found.clients)


def serving(behind: Sequence[Behind], lasting: Mapping[str, int]) -> list[str]:
    """The names of those who may not have applied the revision that ended one of these flags."""
    return [one.name for one in behind if any(one.revision < ended for ended in lasting.values())]


async def _look(database: Database, scope: Scope) -> Look:
    try:
        async with database.transaction(LOOK_SECONDS) as connection:
            return await acknowledgements.look(connection, environment=scope.environment, epoch=scope.epoch)
    except Refused as refused:
        raise Refused(unproven(scope)) from refused


async def _told(database: Database, scope: Scope, found: Look) -> Proof:
    behind = (*found.replicas, *found.clients)
    lasting = await _lasting(database, scope) if behind else {}
    replicas, clients = serving(found.replicas, lasting), serving(found.clients, lasting)
    oldest = min((one.revision for one in behind), default=0)
    flags = sorted(name for name, ended in lasting.items() if oldest < ended)
    return Proof(
        replicas_applied=found.replicas_confirmed,
        replicas_expired=len(found.replicas),
        clients_confirmed=found.clients_confirmed,
        clients_expired=len(found.clients),
        may_still_serve={"replicas": replicas, "clients": clients, "flags": flags} if flags else None,
    )


async def _lasting(database: Database, scope: Scope) -> Mapping[str, int]:
    try:
        async with database.transaction(LOOK_SECONDS) as connection:
            return await acknowledgements.lasting(
                connection, environment=scope.environment, flags=scope.flags, revision=scope.revision
            )
    except Refused as refused:
        raise Refused(unproven(scope)) from refused


def unproven(scope: Scope) -> Problem:
    """The answer when Postgres goes away between a stop and its proof."""
    return Problem(
        status=503,
        kind="stop-unproven",
        title="The stop is recorded, but Postgres went away before it was proven.",
        detail="Repeat it under the same Idempotency-Key, or without one: the answer then has the proof.",
        more={"epoch": scope.epoch},
        headers={"Retry-After": "1"},
    )
