"""What one viewer of a dashboard is sent: what it has missed, one state at once, then one each interval."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import anyio
import msgspec

from api.database import AWAY
from api.hub import Channel, Hub
from api.problems import Problem, Refused

CHECK_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks.

    Attributes:
        interval: Seconds between two states.
        last: The id of the event that it has seen last.
        ending: Set once the server ends; the stream then ends in good order, and is not cut off.
        admit: Looks at its token again, every `check_seconds`; raises Refused once that does not let it in.
    """

    interval: float
    last: str | None
    ending: anyio.Event
    admit: Callable[[], Awaitable[object]]
    check_seconds: float = CHECK_SECONDS


async def events(hub: Hub, channel: Channel, viewer: Viewer) -> AsyncIterator[bytes]:
    """Server-sent events, ready to be sent, until the viewer leaves or is not let in any more.

    All viewers of an interval are due at the same moments, so that they share what is read. Nothing is queued: one
    that is slow to take an event gets the newest one next, and whatever it was due meanwhile is dropped.
    """
    channel.viewers += 1
    try:
        sent = viewer.last
        for missed in channel.after(sent):
            yield missed.encoded
            sent = missed.id
        clock = asyncio.get_running_loop().time
        due = checked = clock()
        while True:
            event = await channel.at(hub.tick(due))
            if event.id != sent:
                yield event.encoded
                sent = event.id
            due = _next(max(clock(), due), viewer.interval)
            if await has_ended(viewer.ending, within=due - clock()):
                return
            if due - checked >= viewer.check_seconds:
                checked = due
                if problem := await refusal(viewer.admit):
                    yield problem_event(problem)
                    return
    finally:
        channel.viewers -= 1


async def has_ended(ending: anyio.Event, *, within: float) -> bool:
    """Wait that many seconds for the end of a stream; whether it has come."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            await ending.wait()
    return ending.is_set()


async def refusal(admit: Callable[[], Awaitable[object]]) -> Problem | None:
    """Why a stream's token does not let it in any more, if so."""
    try:
        await admit()
    except Refused as refused:
        # While nobody can look it up, a token is as good as it was.
        return None if refused.problem is AWAY else refused.problem
    return None


def problem_event(problem: Problem) -> bytes:
    """The last event of a stream."""
    return b"event: problem\ndata: %b\n\n" % msgspec.json.encode(problem.document())


def _next(moment: float, interval: float) -> float:
    """The next whole number of intervals."""
    return (math.floor(moment / interval + 1e-6) + 1) * interval
