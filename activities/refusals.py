"""How an activity says no: the domain's refusals become failures that Temporal must not retry."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from temporalio.exceptions import ApplicationError

from crossfade.errors import CrossfadeError

P = ParamSpec("P")
R = TypeVar("R")


def final(activity: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Turn a `CrossfadeError` into a failure of its class's name that is not retried; all else is retried."""

    @wraps(activity)
    async def refusing(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await activity(*args, **kwargs)
        except CrossfadeError as error:
            raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error

    return refusing
