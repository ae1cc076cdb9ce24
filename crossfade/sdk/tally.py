"""What happened in this process, from the request's path to the reporter.

The request's path appends one small tuple, without a lock; the reporter's thread folds the
tuples into cells. Both ends are bounded: the oldest goes first, and what went is counted.
"""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from time import perf_counter
from typing import TypeAlias

from crossfade import wire
from crossfade.sdk.cells import Cell, Key
from crossfade.states import Variant
from crossfade.wire import BUCKET_SECONDS, Summary, VariantName

MOST_EVENTS = 200_000
MOST_CELLS = 5_000
LARGEST = 1e100
"""Beyond it the sum of squares would overflow; no metric is that large."""

Fold: TypeAlias = Callable[["Tally", "Event", int], None]
Event: TypeAlias = tuple[Fold, float, str, Variant, int, float, object]
"""How to fold it, when it happened (perf_counter), component, variant, revision, value, and what else."""


class Count:
    """A number that several threads raise, rarely."""

    __slots__ = ("_lock", "value")

    def __init__(self) -> None:
        self._lock = Lock()
        self.value = 0

    def add(self, number: int = 1) -> None:
        """Raise it."""
        with self._lock:
            self.value += number


class Tally:
    """The samples of one process that have not left yet."""

    def __init__(self, instance: str) -> None:
        self.restart(instance)

    def restart(self, instance: str) -> None:
        """Forget everything and begin under this name: after a fork the parent reports what was."""
        self.instance = instance
        self.dropped = Count()
        self.comparisons_dropped = Count()
        self.evaluation_errors = Count()
        self._events: deque[Event] = deque()
        self._cells: dict[Key, Cell] = {}

    def answered(self, component: str, variant: Variant, revision: int, started: float, ended: float) -> None:
        """A request was served; the times are of perf_counter."""
        self._append((_fold_request, ended, component, variant, revision, (ended - started) * 1e3, None))

    def failed(
        self,
        component: str,
        variant: Variant,
        revision: int,
        started: float,
        ended: float,
        *,
        fell_back: bool = False,
    ) -> None:
        """A request failed, or would have, had legacy not stepped in."""
        self._append((_fold_failure, ended, component, variant, revision, (ended - started) * 1e3, fell_back))

    def counted(self, component: str, variant: Variant, revision: int, metric: str) -> None:
        """A counter rose by one."""
        self._append((_fold_counter, perf_counter(), component, variant, revision, 1.0, metric))

    def gauged(self, component: str, variant: Variant, revision: int, metric: str, value: float) -> None:
        """A gauge stood at a value."""
        if -LARGEST <= value <= LARGEST:  # NaN is not
            self._append((_fold_gauge, perf_counter(), component, variant, revision, value, metric))
        else:
            self.dropped.add()

    def compared(self, component: str, revision: int, differences: tuple[str, ...]) -> None:
        """The two sides were compared; they differed at these field paths."""
        self._append((_fold_comparison, perf_counter(), component, Variant.CANDIDATE, revision, 1.0, differences))

    def fold(self) -> None:
        """Bring everything that has happened into the cells; one thread at a time."""
        # Wall time is read here, not on the request's path.
        to_wall = time.time() - perf_counter()
        for _ in range(len(self._events)):
            event = self._events.popleft()
            bucket = int(event[1] + to_wall) // BUCKET_SECONDS * BUCKET_SECONDS
            event[0](self, event, bucket)
        self._bound()

    def take(self, most: int) -> list[Summary]:
        """Remove the oldest cells and give their summaries; one thread at a time."""
        keys = sorted(self._cells, key=lambda key: key.bucket)[:most]
        return [self._cells.pop(key).summary(key) for key in keys]

    def cell(self, event: Event, bucket: int, metric: str, *, instance: str | None = None) -> Cell:
        """The cell in which an event counts."""
        variant: VariantName = event[3].value
        key = Key(bucket, event[2], variant, event[4], metric, instance)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = Cell()
        return cell

    def _append(self, event: Event) -> None:
        self._events.append(event)
        if len(self._events) > MOST_EVENTS:
            try:
                self._events.popleft()
            except IndexError:  # the reporter was faster
                return
            self.dropped.add()

    def _bound(self) -> None:
        excess = len(self._cells) - MOST_CELLS
        if excess > 0:
            self.dropped.add(sum(summary.count for summary in self.take(excess)))


def _fold_request(tally: Tally, event: Event, bucket: int) -> None:
    tally.cell(event, bucket, wire.REQUESTS).count += 1
    tally.cell(event, bucket, wire.RESPONSE_TIME).sample(event[5])


def _fold_failure(tally: Tally, event: Event, bucket: int) -> None:
    _fold_request(tally, event, bucket)
    tally.cell(event, bucket, wire.ERRORS).count += 1
    if event[6]:
        tally.cell(event, bucket, wire.FALLBACKS).count += 1


def _fold_counter(tally: Tally, event: Event, bucket: int) -> None:
    tally.cell(event, bucket, str(event[6])).count += 1


def _fold_gauge(tally: Tally, event: Event, bucket: int) -> None:
    tally.cell(event, bucket, str(event[6]), instance=tally.instance).value(event[5])


def _fold_comparison(tally: Tally, event: Event, bucket: int) -> None:
    tally.cell(event, bucket, wire.COMPARISONS).count += 1
    differences = event[6]
    if isinstance(differences, tuple) and differences:
        cell = tally.cell(event, bucket, wire.MISMATCHES)
        cell.count += 1
        cell.explain(differences)
