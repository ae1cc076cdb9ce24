"""News for SDK clients: one task writes the same bytes to all who follow this process.

They carry no flags and no validity: whatever was pushed may have waited in a buffer while its reader was suspended. A
client that hears of a revision asks.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import msgspec

from api.problems import Problem, Refused
from api.replica import Replica
from store.flags import Snapshot

HEARTBEAT_SECONDS = 1.0
GAP_SECONDS = 0.02
"""Between two events, so that what changes in a burst is told once."""
WRITE_SECONDS = 0.25
MOST_FOLLOWERS = 2000
HEARTBEAT = b":\n\n"

Write = Callable[[bytes], Coroutine[Any, Any, None]]
Say = Callable[[Snapshot], bytes]

log = logging.getLogger(__name__)


class Follower:
    """One client that is told, in its own words: `say` makes an event of what is served now."""

    def __init__(self, write: Write, say: Say | None = None) -> None:
        self.write = write
        self.say = say or flags_event
        self.is_cut = False
        self.ended = anyio.Event()
        """Set once it is told nothing any more."""

    def cut(self) -> None:
        """Give it up."""
        self.is_cut = True
        self.ended.set()


class Push:
    """All who follow the flags of one replica."""

    def __init__(self, replica: Replica, *, most_followers: int = MOST_FOLLOWERS) -> None:
        self._replica = replica
        self._most_followers = most_followers
        self._followers: set[Follower] = set()

    def require_room(self) -> None:
        """Refuse one more than this process tells.

        Raises:
            Refused: 503.
        """
        if len(self._followers) >= self._most_followers:
            raise Refused(_FULL)

    def event(self, follower: Follower) -> bytes:
        """What is served now, as this client is told; Refused as for `Replica.snapshot`."""
        return follower.say(self._replica.snapshot)

    @contextmanager
    def following(self, follower: Follower) -> Iterator[None]:
        """Tell this client until the end of the block."""
        self._followers.add(follower)
        try:
            yield
        finally:
            self._followers.discard(follower)

    async def run(self) -> None:
        """Tell everybody what changes, and each second that the line is alive, until cancelled."""
        told: Snapshot | None = None
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    told = await self._replica.other_than(told)
            except TimeoutError:
                await self._tell(lambda _: HEARTBEAT)
            else:
                await self._tell(self._news(told))
                await asyncio.sleep(GAP_SECONDS)

    def _news(self, snapshot: Snapshot) -> Callable[[Follower], bytes]:
        said = {say: say(snapshot) for say in {follower.say for follower in self._followers}}
        return lambda follower: said[follower.say]

    async def _tell(self, message: Callable[[Follower], bytes]) -> None:
        """Write to all at once; who has not taken the bytes in time is cut, and holds up nobody for longer."""
        writes = {asyncio.create_task(follower.write(message(follower))): follower for follower in self._followers}
        if not writes:
            return
        done, late = await asyncio.wait(writes, timeout=WRITE_SECONDS)
        for write in late:
            write.cancel()
        for write in late | {write for write in done if write.exception()}:
            log.warning("a client that did not take its news was cut off")
            writes[write].cut()


def flags_event(snapshot: Snapshot) -> bytes:
    """The event `flags` of the SDK."""
    data = msgspec.json.encode({"revision": snapshot.revision, "epoch": snapshot.epoch})
    return b"id: %d\nevent: flags\ndata: %b\n\n" % (snapshot.revision, data)


_FULL = Problem(
    status=503,
    kind="too-many-streams",
    title="This process tells as many clients as it can.",
    detail="Ask for confirmations meanwhile, they are enough; try the stream again later.",
    headers={"Retry-After": "10"},
)
