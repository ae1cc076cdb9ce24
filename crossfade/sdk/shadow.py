"""Running the side that was not served, beside the request, and comparing."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from time import monotonic
from typing import TypeAlias

from crossfade.sdk.comparison import Comparison, Outcome, raised
from crossfade.sdk.pool import Pool
from crossfade.sdk.tally import Tally
from crossfade.states import Variant

BACKLOG_PER_WORKER = 32

Side: TypeAlias = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Shadowed:
    """One call that is compared; its revision is the one of the call's start."""

    component: str
    revision: int
    served: Variant
    comparison: Comparison
    other: Side


class Shadows:
    """The shadowed calls of one client; each component has its own bounded room."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._is_open = True
        self._pools: dict[str, Pool] = {}
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}

    def compare(self, call: Shadowed, served: Outcome, other: Outcome) -> None:
        """Compare two sides that have both been run already."""
        self._submit(call, lambda: self._record(call, served, other))

    def run(self, call: Shadowed, served: Outcome) -> None:
        """Run the other side in a thread, with the caller's context variables, and compare.

        If it turns out to be a coroutine function, it goes on in the caller's loop; where there is none, in its own.
        """
        until = monotonic() + call.comparison.timeout
        context, loop = contextvars.copy_context(), _running_loop()
        self._submit(call, lambda: self._record(call, served, context.run(_outcome_until, until, call.other, loop)))

    def run_in_loop(self, call: Shadowed, served: Outcome) -> None:
        """Run the other side as a task of the running loop, and compare in a thread."""
        loop = _running_loop()
        tasks = self._tasks.setdefault(call.component, set())
        if loop is None or not self._is_open or len(tasks) >= call.comparison.workers * BACKLOG_PER_WORKER:
            self._tally.comparisons_dropped.add()
            return
        task = loop.create_task(self._run_in_loop(call, served))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def end(self) -> None:
        """Run nothing any more; what has not begun is dropped."""
        self._is_open = False
        for pool in self._pools.copy().values():
            self._tally.comparisons_dropped.add(pool.end())

    def forget(self) -> None:
        """Begin anew: after a fork there are no threads and no tasks."""
        self._pools, self._tasks = {}, {}

    def _submit(self, call: Shadowed, job: Callable[[], None]) -> None:
        if not self._is_open:
            self._tally.comparisons_dropped.add()
            return
        workers = call.comparison.workers
        pool = self._pools.get(call.component)
        if pool is None:
            fresh = Pool(f"crossfade-shadow-{call.component}", workers=workers, backlog=workers * BACKLOG_PER_WORKER)
            pool = self._pools.setdefault(call.component, fresh)
        if not pool.submit(job):
            self._tally.comparisons_dropped.add()

    async def _run_in_loop(self, call: Shadowed, served: Outcome) -> None:
        other = await _outcome_within(call.comparison.timeout, call.other)
        if other is None:
            self._tally.comparisons_dropped.add()
        else:
            self.compare(call, served, other)

    def _record(self, call: Shadowed, served: Outcome, other: Outcome | None) -> None:
        if other is None:
            self._tally.comparisons_dropped.add()
            return
        legacy, candidate = (served, other) if call.served is Variant.LEGACY else (other, served)
        differences = call.comparison.differences(legacy, candidate)
        self._tally.compared(call.component, call.revision, differences)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:  # a thread without one, or the loop of another library
        return None


def _outcome_until(until: float, side: Side, loop: asyncio.AbstractEventLoop | None) -> Outcome | None:
    """How a side ends that is run in this thread; None when it is too late for that."""
    if monotonic() > until:
        return None
    try:
        result = side()
    except BaseException as error:  # noqa: BLE001 - sys.exit() of a shadowed side is an answer, too
        outcome: Outcome | None = raised(error)
    else:
        outcome = _outcome_elsewhere(result, until, loop) if isinstance(result, Awaitable) else Outcome(result)
    return None if monotonic() > until else outcome


def _outcome_elsewhere(
    awaitable: Awaitable[object], until: float, loop: asyncio.AbstractEventLoop | None
) -> Outcome | None:
    seconds = until - monotonic()
    ending = _outcome_within(seconds, lambda: awaitable)
    if loop is None:
        return asyncio.run(ending)
    try:
        waiting = asyncio.run_coroutine_threadsafe(ending, loop)
    except RuntimeError:  # the loop is closed
        ending.close()
        return None
    try:
        return waiting.result(seconds)
    except (TimeoutError, CancelledError):  # the loop is busy, or at its end
        return None


async def _outcome_within(seconds: float, side: Side) -> Outcome | None:
    """How a side ends, coroutine function or not; None when that takes longer, or is cancelled."""
    try:
        async with asyncio.timeout(seconds) as deadline:
            outcome = await _awaited_outcome(side)
    except (TimeoutError, asyncio.CancelledError):
        return None
    return None if deadline.expired() else outcome  # a side may swallow its cancellation


async def _awaited_outcome(side: Side) -> Outcome:
    try:
        result = side()
        return Outcome(await result if isinstance(result, Awaitable) else result)
    except (asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - sys.exit() would end the application's loop
        return raised(error)
