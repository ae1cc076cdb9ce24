"""Sums that grow with each sample and leave as summaries."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import fsum
from typing import NamedTuple

from crossfade import histogram
from crossfade.states import Variant
from crossfade.wire import COMPARISONS, ERRORS, FALLBACKS, MISMATCHES, REQUESTS, RESPONSE_TIME, Summary

MOST_DETAILS = MOST_GAUGES = 50
OTHER = "(other)"


class Key(NamedTuple):
    """What a group of cells is about; the oldest sorts first."""

    bucket: int
    component: str
    variant: Variant
    revision: int


@dataclass(slots=True)
class Cell:
    """Count, moments, extremes and histogram of one metric."""

    count: int = 0
    zeros: int = 0
    mean: float = 0.0
    m2: float = 0.0
    min: float = 0.0
    max: float = 0.0
    histogram: Counter[int] = field(default_factory=Counter)

    def add(self, values: Sequence[float]) -> None:
        """Add values to the moments (Chan, Golub, LeVeque 1979, eq. 2.1) and extremes."""
        added = len(values)
        mean = fsum(values) / added
        delta, total = mean - self.mean, self.count + added
        self.m2 += fsum((value - mean) ** 2 for value in values) + delta * delta * self.count * added / total
        self.mean += delta * added / total
        low, high = min(values), max(values)
        self.min = min(self.min, low) if self.count else low
        self.max = max(self.max, high) if self.count else high
        self.count = total

    def sample(self, values: Sequence[float]) -> None:
        """Add values to the histogram, too."""
        self.add(values)
        above = [value for value in values if value > 0]
        self.histogram.update(map(histogram.index, above))
        self.zeros += len(values) - len(above)


@dataclass(slots=True)
class Group:
    """Everything that happened to one variant at one revision in one bucket; it leaves as a whole.

    The server refuses errors that outnumber their requests, so these must not part.
    """

    counters: Counter[str] = field(default_factory=Counter)
    gauges: dict[str, Cell] = field(default_factory=dict)
    response_time: Cell = field(default_factory=Cell)
    details: Counter[str] = field(default_factory=Counter)

    def requests(self, elapsed_ms: Sequence[float]) -> None:
        """Count requests by their times."""
        self.counters[REQUESTS] += len(elapsed_ms)
        self.response_time.sample(elapsed_ms)

    def failure(self, *, fell_back: bool) -> None:
        """Count what failed among the requests."""
        self.counters[ERRORS] += 1
        if fell_back:
            self.counters[FALLBACKS] += 1

    def comparison(self, differences: Iterable[str]) -> None:
        """Count a comparison, and where the sides differed, in at most 50 places."""
        self.counters[COMPARISONS] += 1
        differs = False
        for path in differences:
            differs = True
            self.details[path if path in self.details or len(self.details) < MOST_DETAILS else OTHER] += 1
        if differs:
            self.counters[MISMATCHES] += 1

    def gauge(self, metric: str, value: float) -> bool:
        """Take the level of a gauge; False when there are 50 others already."""
        if metric not in self.gauges and len(self.gauges) >= MOST_GAUGES:
            return False
        self.gauges.setdefault(metric, Cell()).add((value,))
        return True

    def summaries(self, key: Key, instance: str) -> Iterator[Summary]:
        """What travels."""
        for metric, count in self.counters.items():
            details = dict(self.details) if metric == MISMATCHES else None
            yield _summary(key, metric, Cell(count), details=details)
        if self.response_time.count:
            yield _summary(key, RESPONSE_TIME, self.response_time)
        for metric, cell in self.gauges.items():
            yield _summary(key, metric, cell, instance=instance)


def _summary(
    key: Key, metric: str, cell: Cell, *, instance: str | None = None, details: dict[str, int] | None = None
) -> Summary:
    return Summary(
        component=key.component,
        variant=key.variant.value,
        revision=key.revision,
        metric=metric,
        bucket=key.bucket,
        count=cell.count,
        zeros=cell.zeros,
        mean=cell.mean,
        m2=cell.m2,
        min=cell.min,
        max=cell.max,
        histogram=tuple(sorted(cell.histogram.items())),
        instance=instance,
        details=details,
    )
