"""The stream of dashboards: what one connection says, and when to connect again."""

import random
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import httpx

from crossfade.control.access import Access
from crossfade.control.decoding import decoded
from crossfade.control.errors import ControlError, Refused, Unavailable, UnexpectedAnswer
from crossfade.control.requests import parsed, refusal
from crossfade.control.views import Dashboard
from crossfade.sse import Event, EventTooLong, Parser

OnError = Callable[[ControlError], None]
LONGEST_DELAY_SECONDS = 15.0
_FIRST_DELAY_SECONDS = 0.5
_LEAST_DELAY_SECONDS = 0.1
# The server sends a heart-beat at least every 15 s: twice that without a byte is a dead connection.
_SILENCE_SECONDS = 30.0
_STREAM = "dashboard/stream"
_EVENT = "dashboard"
_PROBLEM = "problem"
_MOST_DOUBLINGS = 10
_LEAST_DEFECT = 500


@dataclass(frozen=True, slots=True)
class View:
    """What is watched: a migration by its id, else the live or newest one, each `interval` seconds."""

    interval: float = 5.0
    migration: str | None = None

    def query(self) -> dict[str, str]:
        """The parameters of the request."""
        migration = {} if self.migration is None else {"migrationId": self.migration}
        return {"interval": f"{self.interval:g}", **migration}


@dataclass(slots=True)
class Resumption:
    """Where the stream goes on after its connection was lost, and after how long."""

    last_event_id: str = ""
    retry_seconds: float | None = None
    failures: int = 0

    def delay_seconds(self) -> float:
        """How long to wait now: twice as long after each failure, with jitter."""
        first = _FIRST_DELAY_SECONDS if self.retry_seconds is None else max(self.retry_seconds, _LEAST_DELAY_SECONDS)
        grown = first * 2.0 ** min(max(self.failures - 1, 0), _MOST_DOUBLINGS)
        return min(grown, LONGEST_DELAY_SECONDS) * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret

    def note(self, parser: Parser) -> None:
        """Remember what the parser has read."""
        self.last_event_id = parser.last_event_id
        self.retry_seconds = parser.retry_seconds


async def connected(
    http: httpx.AsyncClient, access: Access, view: View, resumption: Resumption
) -> AsyncGenerator[Dashboard]:
    """The dashboards of one connection, until it ends.

    Raises:
        ControlError: Refused, unreachable, or not the stream of Crossfade; `is_final` tells which will stay so.
    """
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    if resumption.last_event_id:
        headers["Last-Event-ID"] = resumption.last_event_id
    limits = httpx.Timeout(access.timeout, read=_SILENCE_SECONDS + view.interval)
    try:
        async with http.stream("GET", _STREAM, params=view.query(), headers=headers, timeout=limits) as response:
            await _require_stream(response)
            async for dashboard in _read(response, resumption):
                yield dashboard
    except httpx.HTTPError as error:
        raise access.unreachable(error) from error


def is_final(error: ControlError) -> bool:
    """Whether connecting again would meet the same refusal."""
    if isinstance(error, Refused):
        return not isinstance(error, Unavailable) and error.status < _LEAST_DEFECT
    return isinstance(error, UnexpectedAnswer)


async def _require_stream(response: httpx.Response) -> None:
    if response.is_success and response.headers.get("Content-Type", "").startswith("text/event-stream"):
        return
    raise refusal(response.status_code, parsed(await response.aread()))


async def _read(response: httpx.Response, resumption: Resumption) -> AsyncGenerator[Dashboard]:
    parser = Parser(last_event_id=resumption.last_event_id, retry_seconds=resumption.retry_seconds)
    async for chunk in response.aiter_bytes():
        try:
            events = parser.feed(chunk)
        except EventTooLong as error:
            raise UnexpectedAnswer(str(error)) from error
        resumption.note(parser)
        for event in events:
            if event.type == _PROBLEM:
                raise _problem(event)
            if event.type == _EVENT:
                resumption.failures = 0
                yield decoded(Dashboard, parsed(event.data.encode()))


def _problem(event: Event) -> ControlError:
    """What the server says before it ends the stream of a token that is not valid any more."""
    members = parsed(event.data.encode())
    status = members.get("status") if isinstance(members, dict) else None
    return refusal(status if isinstance(status, int) else 0, members)
