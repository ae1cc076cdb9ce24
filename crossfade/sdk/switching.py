"""A function with two implementations: a decorator of candidate that names legacy."""

from collections.abc import Callable
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from crossfade.flags import Context
from crossfade.sdk.call import Expected, is_awaitable
from crossfade.sdk.comparison import Comparison

P = ParamSpec("P")
T = TypeVar("T")


class Switch(Protocol):
    """`Client.switch`."""

    def __call__(  # noqa: D102 - as there
        self,
        name: str,
        context: Context,
        *,
        legacy: Callable[[], Any],
        candidate: Callable[[], Any],
        compare: Comparison | None,
        expected: Expected,
    ) -> Any: ...


def switching(
    switch: Switch,
    name: str,
    *,
    legacy: Callable[P, T],
    context: Callable[P, Context],
    compare: Comparison | None,
    expected: Expected,
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """See `Client.switching`."""

    def decorate(candidate: Callable[P, T]) -> Callable[P, T]:
        def run(*arguments: P.args, **named: P.kwargs) -> Any:
            return switch(
                name,
                context(*arguments, **named),
                legacy=partial(legacy, *arguments, **named),
                candidate=partial(candidate, *arguments, **named),
                compare=compare,
                expected=expected,
            )

        async def wait(*arguments: P.args, **named: P.kwargs) -> Any:
            return await awaited(run(*arguments, **named))

        # A coroutine function stays one, for whoever asks.
        is_async = iscoroutinefunction(candidate) or iscoroutinefunction(legacy)
        return cast("Callable[P, T]", wraps(candidate)(wait if is_async else run))

    return decorate


async def awaited(result: object) -> Any:
    """The result of either kind of function."""
    return await result if is_awaitable(result) else result
