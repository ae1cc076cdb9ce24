"""Running the side that was not served, beside the request, and comparing."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from crossfade.sdk.comparison import Comparison, Outcome, raised
from crossfade.sdk.pool import Pool
from crossfade.sdk.tally import Tally
from crossfade.states import Variant

BACKLOG_PER_WORKER = 32


@dataclass(frozen=True, slots=True)
class Shadowed:
    """One call that is compared; its revision is the one of the call's start."""

    component: str
    revision: int
    served: Variant
    comparison: Comparison
    other: Callable[[], object]


class Shadows:
    """The shadowed calls of one client; each component has its own bounded room."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._pools: dict[str, Pool] = {}
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}

    def compare(self, call: Shadowed, served: Outcome, other: Outcome) -> None:
        """Compare two sides that have both been run already."""
        self._submit(call, lambda: self._record(call, served, other))

    def run(self, call: Shadowed, served: Outcome) -> None:
        """Run the other side in a thread, with the caller's context variables, and compare."""
        until = monotonic() + call.comparison.timeout
        context = contextvars.copy_context()
        self._submit(call, lambda: self._run(call, served, context, until))

    def run_in_loop(self, call: Shadowed, served: Outcome) -> None:
        """Run the other side as a task of the running loop, and compare in a thread."""
        tasks = self._tasks.setdefault(call.component, set())
        if len(tasks) >= call.comparison.workers * BACKLOG_PER_WORKER:
            self._tally.comparisons_dropped.add()
            return
        task = asyncio.get_running_loop().create_task(self._run_in_loop(call, served))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def forget(self) -> None:
        """Begin anew: after a fork there are no threads and no tasks."""
        self._pools, self._tasks = {}, {}

    def _submit(self, call: Shadowed, job: Callable[[], None]) -> None:
        workers = call.comparison.workers
        pool = self._pools.get(call.component)
        if pool is None:
            fresh = Pool(f"crossfade-shadow-{call.component}", workers=workers, backlog=workers * BACKLOG_PER_WORKER)
            pool = self._pools.setdefault(call.component, fresh)
        if not pool.submit(job):
            self._tally.comparisons_dropped.add()

    def _run(self, call: Shadowed, served: Outcome, context: contextvars.Context, until: float) -> None:
        if monotonic() > until:
            self._tally.comparisons_dropped.add()
            return
        other = context.run(_outcome, call.other)
        if monotonic() > until:
            self._tally.comparisons_dropped.add()
            return
        self._record(call, served, other)

    async def _run_in_loop(self, call: Shadowed, served: Outcome) -> None:
        try:
            async with asyncio.timeout(call.comparison.timeout) as deadline:
                other = await _awaited_outcome(call.other)
        except (TimeoutError, asyncio.CancelledError):
            self._tally.comparisons_dropped.add()
            return
        if deadline.expired():  # the side swallowed its cancellation
            self._tally.comparisons_dropped.add()
            return
        self.compare(call, served, other)

    def _record(self, call: Shadowed, served: Outcome, other: Outcome) -> None:
        legacy, candidate = (served, other) if call.served is Variant.LEGACY else (other, served)
        differences = call.comparison.differences(legacy, candidate)
        self._tally.compared(call.component, call.revision, differences)


def _outcome(side: Callable[[], object]) -> Outcome:
    try:
        return Outcome(side())
    except BaseException as error:  # noqa: BLE001 - sys.exit() of a shadowed side is an answer, too
        return raised(error)


async def _awaited_outcome(side: Callable[[], object]) -> Outcome:
    try:
        result = side()
        return Outcome(await result if isinstance(result, Awaitable) else result)
    except Exception as error:  # noqa: BLE001 - how a side ends is what is compared
        return raised(error)
