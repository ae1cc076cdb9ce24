"""The hub: each view is read once a tick however many look at it, serialised once, and kept for those who come back.

There is no polling of its own: whoever is due asks for the tick's event, the first one reads, the others get the same.
"""

import asyncio
import logging
import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from uuid import uuid4

import msgspec

from api.dashboard import Dashboard, Sources, View
from api.dashboard_view import Document, health_shown
from api.problems import Problem, Refused, plain
from crossfade.errors import CrossfadeError
from crossfade.system_health import Signs, health

TICK_SECONDS = 1.0
RING = 60
RING_BYTES = 4 * 2**20
"""What a channel keeps for those who come back: so many events, and no more bytes than this but for the last one."""
MOST_CHANNELS = 64
DEFECT = "The dashboard could not be read; the log of the server says why."

Read = Callable[[], Awaitable[Document]]

_DATA, _END = b"\ndata: ", b"\n\n"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """What a view showed in one tick.

    Attributes:
        id: `<boot>-<n>`, unique over all processes and views.
        encoded: The JSON as a server-sent event.
        problem: Why it is not new: the state is the last good one, and its health says what is wrong.
    """

    id: str
    tick: int
    encoded: bytes
    problem: Problem | None = None

    @property
    def body(self) -> bytes:
        """The JSON."""
        return self.encoded.partition(_DATA)[2].removesuffix(_END)


class Channel:
    """The events of one view."""

    def __init__(self, read: Read, next_id: Callable[[], str]) -> None:
        self.viewers = 0
        self._read = read
        self._next_id = next_id
        self._ring: deque[Event] = deque(maxlen=RING)
        self._good: Document | None = None
        self._pass: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nobody looks or waits."""
        return not self.viewers and self._pass is None

    async def at(self, tick: int) -> Event:
        """The event of this tick or a newer one; read by the first who asks, while the others wait for it.

        Raises:
            Refused: 503 or 500, and there was no good state yet.
            CrossfadeError: The view is of something that does not exist.
        """
        while not self._ring or self._ring[-1].tick < tick:
            if self._pass is None:
                self._pass = asyncio.create_task(self._publish(tick), name="dashboard is read")
                self._pass.add_done_callback(self._passed)
            # Shielded: whoever began it may leave, the others still want it.
            await asyncio.shield(self._pass)
        return self._ring[-1]

    def after(self, event_id: str | None) -> Sequence[Event]:
        """What was published after an event; nothing where it is not known (any more)."""
        ids = [event.id for event in self._ring]
        return list(self._ring)[ids.index(event_id) + 1 :] if event_id in ids else ()

    async def close(self) -> None:
        """End what is being read."""
        if self._pass is not None:
            self._pass.cancel()
            await asyncio.wait([self._pass])

    async def _publish(self, tick: int) -> None:
        problem = None
        try:
            self._good = await self._read()
        except CrossfadeError:
            raise
        except Refused as refusal:
            problem = refusal.problem
            log.warning("the dashboard could not be read; Postgres does not answer")
        except Exception:
            # The edge of a stream that must not end with a defect: it says that it is not up to date.
            problem = plain(500)
            log.exception("the dashboard could not be read")
        if self._good is None:
            raise Refused(problem or plain(500))
        document = self._good if problem is None else {**self._good, "systemHealth": _why(problem)}
        self._keep(_event(self._next_id(), tick, document, problem))

    def _keep(self, event: Event) -> None:
        self._ring.append(event)
        while len(self._ring) > 1 and sum(len(kept.encoded) for kept in self._ring) > RING_BYTES:
            self._ring.popleft()

    def _passed(self, task: asyncio.Task[None]) -> None:
        self._pass = None
        # Asked for, so that an error which nobody waits for is not told as forgotten.
        if not task.cancelled():
            task.exception()


class Hub:
    """The channels of one process."""

    def __init__(self, sources: Sources, *, tick_seconds: float = TICK_SECONDS) -> None:
        self.sources = sources
        self.tick_seconds = tick_seconds
        self._boot = uuid4().hex[:12]
        self._numbers = count(1)
        self._channels: OrderedDict[View, Channel] = OrderedDict()

    def channel(self, view: View) -> Channel:
        """The channel of a view; views that nobody has looked at for long are forgotten."""
        if view not in self._channels:
            self._forget()
            self._channels[view] = Channel(Dashboard(self.sources, view).read, self._next_id)
        self._channels.move_to_end(view)
        return self._channels[view]

    def tick(self, moment: float | None = None) -> int:
        """The number of the tick that a moment of the loop's clock lies in; without one, that of now."""
        now = asyncio.get_running_loop().time() if moment is None else moment
        # A moment that is a whole number of ticks must not fall into the one before.
        return math.floor(now / self.tick_seconds + 1e-6)

    async def latest(self, view: View) -> Event:
        """What a view shows: of this very tick.

        Raises:
            Refused: 503, Postgres does not answer.
            CrossfadeError: The view is of something that does not exist.
        """
        event = await self.channel(view).at(self.tick())
        if event.problem is not None:
            raise Refused(event.problem)
        return event

    async def close(self) -> None:
        """End everything that is being read."""
        for channel in self._channels.values():
            await channel.close()
        await self.sources.temporal.close()

    def _next_id(self) -> str:
        return f"{self._boot}-{next(self._numbers)}"

    def _forget(self) -> None:
        while len(self._channels) >= MOST_CHANNELS:
            idle = next((view for view, channel in self._channels.items() if channel.is_idle), None)
            if idle is None:
                return
            del self._channels[idle]


def _why(problem: Problem) -> Document:
    is_away = problem.status == 503  # noqa: PLR2004 - as AWAY says
    signs = Signs(database_answers=False) if is_away else Signs(defect=DEFECT)
    return health_shown(health(signs))


def _event(identity: str, tick: int, document: Document, problem: Problem | None) -> Event:
    encoded = b"id: %b\nevent: dashboard%b%b%b" % (identity.encode(), _DATA, msgspec.json.encode(document), _END)
    return Event(identity, tick, encoded, problem)
