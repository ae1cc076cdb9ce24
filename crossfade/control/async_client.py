"""The client for asyncio."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import Self, TypeVar

import httpx

from crossfade.control import orders
from crossfade.control.access import Access, delay_seconds, headers_of, may_be_repeated, may_have_arrived
from crossfade.control.binding import sent_by_asyncio
from crossfade.control.errors import ControlError
from crossfade.control.requests import Request
from crossfade.control.stream import OnError, Resumption, View, connected, is_final
from crossfade.control.views import Dashboard

T = TypeVar("T")


class AsyncClient:
    """A client of one server, with the token of an operator; every method but `updates` is one request.

    Methods raise `ControlError`: `Refused` with the server's words, `Unreachable`, `UnexpectedAnswer`.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 10.0) -> None:
        self._access = Access(url, token, timeout)
        self._http = httpx.AsyncClient(**self._access.options())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._access.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, request: Request[T], /) -> T:
        """Send a request; again where the connection was lost and a second sending does no harm."""
        headers = headers_of(request)
        attempt = 1
        while True:
            try:
                answer = await self._http.request(
                    request.method, request.path, content=request.content, params=request.query, headers=headers
                )
            except httpx.HTTPError as error:
                if not may_be_repeated(request, error, attempt):
                    arrived = may_have_arrived(request, error)
                    raise self._access.unreachable(error, may_have_arrived=arrived) from error
                await asyncio.sleep(delay_seconds(attempt))
                attempt += 1
            else:
                return request.outcome(answer.status_code, answer.content)

    async def updates(
        self, interval: float = 5.0, *, migration: str | None = None, on_error: OnError | None = None
    ) -> AsyncGenerator[Dashboard]:
        """The dashboard each `interval` seconds, for ever; lost connections are made again where they ended.

        Args:
            interval: Seconds between two dashboards, 1 to 5.
            migration: The id of the migration that is watched; else the live one, else the newest.
            on_error: Told of each connection that failed.

        Raises:
            ControlError: A refusal that a new connection would meet again.
        """
        view, resumption = View(interval, migration), Resumption()
        while True:
            try:
                async with aclosing(connected(self._http, self._access, view, resumption)) as dashboards:
                    async for dashboard in dashboards:
                        yield dashboard
            except ControlError as error:
                if is_final(error):
                    raise
                resumption.failures += 1
                if on_error is not None:
                    on_error(error)
            await asyncio.sleep(resumption.delay_seconds())

    health_check = sent_by_asyncio(orders.health_check)
    get_dashboard_data = sent_by_asyncio(orders.get_dashboard_data)
    start_migration = sent_by_asyncio(orders.start_migration)
    enable_gradual_rollout = sent_by_asyncio(orders.enable_gradual_rollout)
    set_percentage = sent_by_asyncio(orders.set_percentage)
    flags = sent_by_asyncio(orders.flags)
    flag = sent_by_asyncio(orders.flag)
    migrations = sent_by_asyncio(orders.migrations)
    phases = sent_by_asyncio(orders.phases)
    components = sent_by_asyncio(orders.components)
    component = sent_by_asyncio(orders.component)
    rollbacks = sent_by_asyncio(orders.rollbacks)
    pause = sent_by_asyncio(orders.pause)
    resume = sent_by_asyncio(orders.resume)
    hold = sent_by_asyncio(orders.hold)
    approve = sent_by_asyncio(orders.approve)
    promote = sent_by_asyncio(orders.promote)
    retry = sent_by_asyncio(orders.retry)
    skip = sent_by_asyncio(orders.skip)
    retire = sent_by_asyncio(orders.retire)
    roll_back = sent_by_asyncio(orders.roll_back)
    rehearse_rollback = sent_by_asyncio(orders.rehearse_rollback)
    emergency_stop = sent_by_asyncio(orders.emergency_stop)
    release_stop = sent_by_asyncio(orders.release_stop)
    abort = sent_by_asyncio(orders.abort)
