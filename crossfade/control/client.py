"""The client for scripts without asyncio."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar
from weakref import WeakSet

import httpx

from crossfade.control import orders
from crossfade.control.access import Access, delay_seconds, headers_of, may_be_repeated, may_have_arrived
from crossfade.control.async_client import AsyncClient
from crossfade.control.binding import sent
from crossfade.control.requests import Request
from crossfade.control.stream import OnError, View
from crossfade.control.subscription import Subscription
from crossfade.control.views import Dashboard

T = TypeVar("T")


class Client:
    """A client of one server, with the token of an operator; thread safe.

    Methods raise `ControlError`: `Refused` with the server's words, `Unreachable`, `UnexpectedAnswer`.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 10.0) -> None:
        self._access = Access(url, token, timeout)
        self._http = httpx.Client(**self._access.options())
        self._subscriptions: WeakSet[Subscription] = WeakSet()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._access.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the subscriptions and close the connections."""
        for subscription in list(self._subscriptions):
            subscription.end()
        self._http.close()

    def send(self, request: Request[T], /) -> T:
        """Send a request; again where the connection was lost and a second sending does no harm."""
        headers = headers_of(request)
        attempt = 1
        while True:
            try:
                answer = self._http.request(
                    request.method, request.path, content=request.content, params=request.query, headers=headers
                )
            except httpx.HTTPError as error:
                if not may_be_repeated(request, error, attempt):
                    arrived = may_have_arrived(request, error)
                    raise self._access.unreachable(error, may_have_arrived=arrived) from error
                time.sleep(delay_seconds(attempt))
                attempt += 1
            else:
                return request.outcome(answer.status_code, answer.content)

    def subscribe(
        self,
        callback: Callable[[Dashboard], object],
        interval: float = 5.0,
        *,
        migration: str | None = None,
        on_error: OnError | None = None,
    ) -> Callable[[], None]:
        """Call `callback` with the dashboard each `interval` seconds, from a thread of its own.

        Lost connections are made again where they ended. An exception of a callback is logged and ends nothing.

        Args:
            callback: What is called; while it runs, nothing else is read.
            interval: Seconds between two dashboards, 1 to 5.
            migration: The id of the migration that is watched; else the live one, else the newest.
            on_error: Told of each connection that failed, and of a refusal, which ends the subscription.

        Returns:
            The function that unsubscribes: once it has returned, no callback runs. It may be called from within the
            callback, and more than once.
        """
        access, view = self._access, View(interval, migration)
        subscription = Subscription(
            lambda: AsyncClient(access.url, access.token, timeout=access.timeout), view, callback, on_error
        )
        self._subscriptions.add(subscription)
        subscription.start()
        return subscription.end

    health_check = sent(orders.health_check)
    get_dashboard_data = sent(orders.get_dashboard_data)
    start_migration = sent(orders.start_migration)
    enable_gradual_rollout = sent(orders.enable_gradual_rollout)
    set_percentage = sent(orders.set_percentage)
    flags = sent(orders.flags)
    flag = sent(orders.flag)
    migrations = sent(orders.migrations)
    phases = sent(orders.phases)
    components = sent(orders.components)
    component = sent(orders.component)
    rollbacks = sent(orders.rollbacks)
    pause = sent(orders.pause)
    resume = sent(orders.resume)
    hold = sent(orders.hold)
    approve = sent(orders.approve)
    promote = sent(orders.promote)
    retry = sent(orders.retry)
    skip = sent(orders.skip)
    retire = sent(orders.retire)
    roll_back = sent(orders.roll_back)
    rehearse_rollback = sent(orders.rehearse_rollback)
    emergency_stop = sent(orders.emergency_stop)
    release_stop = sent(orders.release_stop)
    abort = sent(orders.abort)
