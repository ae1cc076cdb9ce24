"""The flags that this process serves: re-read when Postgres says so and every quarter of a second, under a lease.

A stop is proven by what is recorded here (docs/decisions/0008), so nothing is served before it is recorded that this
process serves, and the lease is extended only by a read that began within the lease of what was recorded last.
"""

import asyncio
import json
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import uuid4

from api.database import AWAY, Database
from api.problems import Refused
from crossfade.flags import to_definition
from store import clients, flags, replicas
from store.engine import listen
from store.flags import Snapshot

LEASE_SECONDS = replicas.LEASE.total_seconds()
VALIDITY_SECONDS = clients.VALIDITY.total_seconds()
PERIOD_SECONDS = 0.25
READ_SECONDS = LEASE_SECONDS  # a read that takes longer is worth nothing
# Counts while the machine sleeps, so that a suspended process wakes up past its lease.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """What this replica serves now.

    Attributes:
        valid_for: seconds for which a client may serve flags with a live run, counted from before it asked.
        flags: the definitions as a JSON array.
    """

    environment: str
    revision: int
    epoch: int
    valid_for: float
    flags: bytes


def boot_time() -> float:
    """Seconds since the machine started, suspended time included."""
    return time.clock_gettime(_CLOCK)


class Replica:
    """Keeps a snapshot of the environment's flags, and knows how old it is."""

    def __init__(self, database: Database, *, url: str, environment: str, name: str | None = None) -> None:
        self._process = uuid4()
        self.name = name or str(self._process)
        self._database = database
        self._url = url
        self._environment = environment
        self._snapshot: Snapshot | None = None
        self._flags = b"[]"
        self._read_at = float("-inf")
        self._recorded_at = float("-inf")
        self._reading = asyncio.Lock()
        self._changed = asyncio.Event()
        self._news = asyncio.Event()

    @property
    def age(self) -> float:
        """Seconds since the last good read began; infinite before the first."""
        return boot_time() - self._read_at

    @property
    def snapshot(self) -> Snapshot:
        """The flags that are served now.

        Raises:
            Refused: 503, nothing was read since the process started.
        """
        if self._snapshot is None:
            raise Refused(AWAY)
        return self._snapshot

    @property
    def has_read(self) -> bool:
        """Whether there are flags to serve."""
        return self._snapshot is not None

    def served(self) -> Served:
        """What is served now; Refused as for `snapshot`."""
        return Served(
            environment=self._environment,
            revision=self.snapshot.revision,
            epoch=self.snapshot.epoch,
            valid_for=validity(self.age),
            flags=self._flags,
        )

    async def reached(self, revision: int) -> None:
        """Wait until a snapshot of at least this revision is served."""
        while self._snapshot is None or self._snapshot.revision < revision:
            await self._news.wait()

    async def other_than(self, snapshot: Snapshot | None) -> Snapshot:
        """What is served, as soon as it is not this any more."""
        while self._snapshot is None or self._snapshot is snapshot:
            await self._news.wait()
        return self._snapshot

    async def run(self) -> None:
        """Follow Postgres until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="replica listens")
            tasks.create_task(self._read_on(), name="replica reads")

    async def refresh(self) -> None:
        """Read what Postgres holds now; the lease counts from before the read, once it is recorded what is served.

        Raises:
            Refused: 503, Postgres does not answer, or another process serves under this name.
        """
        async with self._reading:
            if not (boot_time() - self._recorded_at <= LEASE_SECONDS):
                await self._record()
            await self._read()

    async def leave(self) -> None:
        """Say that this replica serves nothing any more, so that a stop does not wait for it."""
        with suppress(Refused):
            async with self._database.transaction(READ_SECONDS) as connection:
                await replicas.leave(connection, process=self._process)

    async def _read(self) -> None:
        began = boot_time()
        async with self._database.transaction(READ_SECONDS) as connection:
            snapshot = await flags.snapshot(connection, self._environment)
        if snapshot != self._snapshot:
            self._flags = _array(snapshot)
            self._snapshot = snapshot
            self._news.set()
            self._news = asyncio.Event()
        await self._record()
        self._read_at = max(self._read_at, began)

    async def _record(self) -> None:
        """Write down what is served, only once it is; nothing yet is revision 0."""
        began = boot_time()
        served = self._snapshot
        async with self._database.transaction(READ_SECONDS) as connection:
            is_mine = await replicas.confirm(
                connection,
                environment=self._environment,
                replica=self.name,
                process=self._process,
                revision=served.revision if served else 0,
                epoch=served.epoch if served else 0,
            )
        if not is_mine:
            # The row in which a stop looks for this process says what the other one serves.
            self._snapshot = None
            raise Refused(_NAME_IS_TAKEN)
        self._recorded_at = began

    async def _listen(self) -> None:
        # Yields after each reconnection too, since what was sent meanwhile is lost.
        async for _ in listen(self._url):
            self._changed.set()

    async def _read_on(self) -> None:
        while True:
            self._changed.clear()
            await self._try()
            try:
                async with asyncio.timeout(PERIOD_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _try(self) -> None:
        try:
            await self.refresh()
        except Refused as refused:
            log.warning("%s The flags are %.1f s old.", refused.problem.title, self.age)
        except Exception:
            # The edge of a task that must outlive any defect: the lease runs out and everybody serves legacy.
            log.exception("the flags could not be read")


def validity(age: float) -> float:
    """Seconds for which a client may go on, given the age of the replica's last good read; 0 past the lease."""
    if not (0 <= age <= LEASE_SECONDS):
        return 0.0
    return round(VALIDITY_SECONDS - age, 3)


def _array(snapshot: Snapshot) -> bytes:
    return json.dumps([to_definition(flag) for flag in snapshot.flags], separators=(",", ":")).encode()


_NAME_IS_TAKEN = replace(
    AWAY, kind="name-is-taken", title="Another process has just served under this CROSSFADE_REPLICA."
)
