"""What happened in this process, from the request's path to the reporter.

The request's path appends one small tuple, without a lock; the reporter's thread folds the
tuples into groups. Both ends are bounded: the oldest goes first, and what went is counted.
"""

import time
from collections import deque
from collections.abc import Iterator
from heapq import nsmallest
from threading import Lock
from time import perf_counter
from typing import TypeAlias

from crossfade.sdk.cells import Group, Key
from crossfade.states import Variant
from crossfade.wire import BUCKET_SECONDS, Summary

MOST_EVENTS = 200_000
MOST_GROUPS = 2_000
LARGEST = 1e100
"""Beyond it the sum of squares would overflow; no metric is that large."""

# What an event says beside its value.
ANSWERED, FAILED, FELL_BACK, COUNTED, GAUGED, COMPARED = range(6)

Event: TypeAlias = tuple[int, float, str, Variant, int, float, str | tuple[str, ...]]
"""What, when (perf_counter), component, variant, revision, value, and a metric or field paths."""


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
        self._groups: dict[Key, Group] = {}

    def answered(self, component: str, variant: Variant, revision: int, started: float, ended: float) -> None:
        """A request was served; the times are of perf_counter."""
        events = self._events
        events.append((ANSWERED, ended, component, variant, revision, (ended - started) * 1e3, ""))
        if len(events) > MOST_EVENTS:
            self._shed()

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
        what = FELL_BACK if fell_back else FAILED
        self._append((what, ended, component, variant, revision, (ended - started) * 1e3, ""))

    def counted(self, component: str, variant: Variant, revision: int, metric: str) -> None:
        """A counter rose by one."""
        self._append((COUNTED, perf_counter(), component, variant, revision, 1.0, metric))

    def gauged(self, component: str, variant: Variant, revision: int, metric: str, value: float) -> None:
        """A gauge stood at a value."""
        if -LARGEST <= value <= LARGEST:  # NaN is not
            self._append((GAUGED, perf_counter(), component, variant, revision, float(value), metric))
        else:
            self.dropped.add()

    def compared(self, component: str, revision: int, differences: tuple[str, ...]) -> None:
        """The two sides were compared; they differed at these field paths."""
        self._append((COMPARED, perf_counter(), component, Variant.CANDIDATE, revision, 1.0, differences))

    def fold(self) -> None:
        """Bring everything that has happened into the groups; one thread at a time."""
        # Wall time is read here, not on the request's path.
        to_wall = time.time() - perf_counter()
        times: dict[Key, list[float]] = {}
        for what, at, component, variant, revision, value, more in self._drain():
            key = Key(int(at + to_wall) // BUCKET_SECONDS * BUCKET_SECONDS, component, variant, revision)
            if what <= FELL_BACK:
                times.setdefault(key, []).append(value)
            if what != ANSWERED and not _fold(self._group(key), what, value, more):
                self.dropped.add()
        for key, elapsed_ms in times.items():
            self._group(key).requests(elapsed_ms)
        excess = len(self._groups) - MOST_GROUPS
        if excess > 0:
            self.dropped.add(sum(summary.count for summary in self.take(excess)))

    def take(self, groups: int) -> list[Summary]:
        """Remove the oldest groups and give their summaries; one thread at a time."""
        keys = nsmallest(groups, self._groups)
        return [summary for key in keys for summary in self._groups.pop(key).summaries(key, self.instance)]

    def _drain(self) -> Iterator[Event]:
        for _ in range(len(self._events)):
            try:
                yield self._events.popleft()
            except IndexError:  # somebody shed meanwhile
                return

    def _group(self, key: Key) -> Group:
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group()
        return group

    def _append(self, event: Event) -> None:
        self._events.append(event)
        if len(self._events) > MOST_EVENTS:
            self._shed()

    def _shed(self) -> None:
        try:
            self._events.popleft()
        except IndexError:  # the reporter was faster
            return
        self.dropped.add()


def _fold(group: Group, what: int, value: float, more: str | tuple[str, ...]) -> bool:
    """Whether there was room for it."""
    if what in {FAILED, FELL_BACK}:
        group.failure(fell_back=what == FELL_BACK)
    elif isinstance(more, tuple):
        group.comparison(more)
    elif what == GAUGED:
        return group.gauge(more, value)
    else:
        group.counters[more] += 1
    return True
