"""The client for asynchronous applications: the same store, and nothing that holds up the loop."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, overload

from crossfade.flags import Context, Evaluation
from crossfade.sdk.call import Expected
from crossfade.sdk.client import Client
from crossfade.sdk.comparison import Comparison
from crossfade.sdk.connection import Connection
from crossfade.sdk.status import FlagStatus, Status
from crossfade.sdk.switching import awaited
from crossfade.states import Variant
from crossfade.wire import MEMORY_USAGE

P = ParamSpec("P")
T = TypeVar("T")


class AsyncClient:
    """A `Client` whose start, end and calls are awaited; evaluating waits for nothing and is not.

    Args:
        client: What this shares flags, threads and counters with. The options are those of `Client` otherwise.
    """

    def __init__(self, url: str = "", token: str = "", *, client: Client | None = None, **options: Any) -> None:
        self.client = Client(url, token, **options) if client is None else client

    @property
    def client_id(self) -> str:
        """How the server knows this process."""
        return self.client.client_id

    async def start(self, timeout: float = 2.0) -> None:  # noqa: ASYNC109 - that of `Client.start`
        """Begin; returns once there are flags from the network, or from elsewhere after the timeout (seconds)."""
        await asyncio.to_thread(self.client.start, timeout)

    async def close(self) -> None:
        """Report what is left (at most 2 s), serve legacy from here on, and say goodbye."""
        await asyncio.to_thread(self.client.close)

    def is_enabled(self, name: str, context: Context, default: bool = False) -> bool:  # noqa: FBT001, FBT002 - OpenFeature's shape
        """Whether candidate serves this context; `default` is for a flag that does not exist."""
        return self.client.is_enabled(name, context, default)

    def evaluate(self, name: str, context: Context) -> Evaluation:
        """The variant for this context, and why."""
        return self.client.evaluate(name, context)

    @overload
    async def switch(
        self,
        name: str,
        context: Context,
        *,
        legacy: Callable[[], Awaitable[T]],
        candidate: Callable[[], Awaitable[T]],
        compare: Comparison | None = None,
        expected: Expected = (),
    ) -> T: ...

    @overload
    async def switch(
        self,
        name: str,
        context: Context,
        *,
        legacy: Callable[[], Any],
        candidate: Callable[[], Any],
        compare: Comparison | None = None,
        expected: Expected = (),
    ) -> Any: ...

    async def switch(
        self,
        name: str,
        context: Context,
        *,
        legacy: Callable[[], Any],
        candidate: Callable[[], Any],
        compare: Comparison | None = None,
        expected: Expected = (),
    ) -> Any:
        """`Client.switch`; each side may be a coroutine function or a plain one that does not block."""
        chosen: object = self.client.switch(
            name, context, legacy=legacy, candidate=candidate, compare=compare, expected=expected
        )
        return await awaited(chosen)

    def switching(
        self,
        name: str,
        *,
        legacy: Callable[P, T],
        context: Callable[P, Context],
        compare: Comparison | None = None,
        expected: Expected = (),
    ) -> Callable[[Callable[P, T]], Callable[P, T]]:
        """`Client.switching`."""
        return self.client.switching(name, legacy=legacy, context=context, compare=compare, expected=expected)

    def connection(self, name: str, context: Context) -> Connection:
        """Open a long connection; its `variant` says which side is to serve it."""
        return self.client.connection(name, context)

    def gauge(self, name: str, variant: Variant | str, value: float, metric: str = MEMORY_USAGE) -> None:
        """Report a level, as `Client.gauge`."""
        self.client.gauge(name, variant, value, metric)

    def status(self) -> Status:
        """How this client stands."""
        return self.client.status()

    def flags(self) -> tuple[FlagStatus, ...]:
        """What is known about each flag."""
        return self.client.flags()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
