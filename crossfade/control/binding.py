"""Methods of a client, made of the functions that describe the orders."""

import inspect
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from crossfade.control.requests import Request

P = ParamSpec("P")
T = TypeVar("T")


class Sender(Protocol):
    """Whoever sends a request and waits for its answer."""

    def send(self, request: Request[T], /) -> T:
        """The answer."""


class AsyncSender(Protocol):
    """The same for asyncio."""

    async def send(self, request: Request[T], /) -> T:
        """The answer."""


def sent(describe: Callable[P, Request[T]]) -> Callable[Concatenate[Sender, P], T]:
    """The method that sends what `describe` describes, with its arguments and its documentation."""

    @wraps(describe)
    def method(self: Sender, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(describe(*args, **kwargs))

    return _signed(method, describe)


def sent_by_asyncio(
    describe: Callable[P, Request[T]],
) -> Callable[Concatenate[AsyncSender, P], Coroutine[Any, Any, T]]:
    """The same for asyncio."""

    @wraps(describe)
    async def method(self: AsyncSender, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(describe(*args, **kwargs))

    return _signed(method, describe)


def _signed(method: T, describe: Callable[..., Request[Any]]) -> T:
    """Let help() show the parameters behind `self`, and the result that comes out of the request."""
    signature = inspect.signature(describe)
    (result,) = signature.return_annotation.__args__
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    signed = signature.replace(parameters=[own, *signature.parameters.values()], return_annotation=result)
    method.__signature__ = signed  # type: ignore[attr-defined]  # what inspect.signature looks at first
    return method
