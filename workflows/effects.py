"""How workflows call activities: one retry policy for writes, one for checks, and the name of a refusal."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError


class Options(TypedDict, total=False):
    """The options of an activity call that we set."""

    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


# A write that Postgres has not taken is tried for as long as it takes; refusals are marked as final where they arise.
# Of a worker that died in a write Temporal hears nothing: a run stands still until the time of that try is over. A try
# that is merely slow may go on beside the next one, since every write is fenced and happens once.
WRITE: Options = {
    "start_to_close_timeout": timedelta(seconds=3),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=10)
    ),
}
# A watch lasts as long as what it watches; it lives by its heartbeats.
WATCH: Options = {
    "start_to_close_timeout": timedelta(days=30),
    "heartbeat_timeout": timedelta(seconds=3),
    "retry_policy": WRITE["retry_policy"],
}
# A rollback step or a check that keeps failing ends, visibly.
STEP: Options = {
    "start_to_close_timeout": timedelta(minutes=10),
    "heartbeat_timeout": timedelta(seconds=3),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=10), maximum_attempts=5
    ),
}


async def unless_fenced(write: Awaitable[object]) -> bool:
    """Wait for a write of a status and give whether it was taken: False where a stop has already written another."""
    try:
        await write
    except ActivityError as error:
        if refusal(error) != "Fenced":
            raise
        return False
    return True


def refusal(error: BaseException) -> str | None:
    """Give the name of the domain error (`Fenced`, ...) behind a failed activity or child, if there is one."""
    cause: BaseException | None = error
    while isinstance(cause, ActivityError | ChildWorkflowError):
        cause = cause.cause
    return cause.type if isinstance(cause, ApplicationError) else None
