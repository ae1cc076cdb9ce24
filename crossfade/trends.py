"""Trends: four figures of each side over time, point by point; a point without data is a gap, never a zero."""

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Generic, NamedTuple, TypeVar

from crossfade.intake import OLDEST
from crossfade.states import Variant
from crossfade.statistics.histogram import Histograms
from crossfade.wire import (
    CONNECTIONS_ABNORMAL,
    CONNECTIONS_OPENED,
    ERRORS,
    MEMORY_USAGE,
    REQUESTS,
    RESPONSE_TIME,
)

SERIES: Final = (REQUESTS, ERRORS, RESPONSE_TIME, MEMORY_USAGE, CONNECTIONS_OPENED, CONNECTIONS_ABNORMAL)
"""The series that the figures are made of."""
RECENT_SECONDS: Final = 120
"""How far back every look reads again; what arrives later than that shows up within `REVISED_SECONDS`."""
REVISED_SECONDS: Final = 60
# The oldest sample that may still arrive, and how long its transaction and the clocks may take.
_LATE_SECONDS: Final = OLDEST.total_seconds() + 120

Owner = TypeVar("Owner", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Window:
    """How far back a trend looks, and how wide its points are: whole buckets of ten seconds."""

    span: timedelta
    resolution: timedelta

    @property
    def width(self) -> int:
        """The width of a point in seconds."""
        return int(self.resolution.total_seconds())

    def starts(self, now: float) -> range:
        """The starts of the points, epoch seconds; the last one is still growing."""
        last = int(now // self.width) * self.width
        points = int(self.span / self.resolution)
        return range(last - (points - 1) * self.width, last + self.width, self.width)

    def pieces(self, since: int, until: int, *, at_most: int) -> Sequence[tuple[int, int]]:
        """A stretch of whole points, cut into pieces of whole points: at least one, at most so many seconds."""
        step = max(at_most // self.width, 1) * self.width
        return [(start, min(start + step, until)) for start in range(since, until, step)]


WINDOWS: Final[Mapping[str, Window]] = {
    "15m": Window(timedelta(minutes=15), timedelta(seconds=30)),
    "1h": Window(timedelta(hours=1), timedelta(minutes=1)),
    "6h": Window(timedelta(hours=6), timedelta(minutes=6)),
}


class Measure(NamedTuple, Generic[Owner]):
    """What one series adds up to for its owner: a component, or a point in time.

    Attributes:
        mean: Of a gauge: that of the instance whose mean is the highest.
        histogram: Of a distribution: encoded histograms in a row.
    """

    owner: Owner
    variant: Variant
    metric: str
    total: int
    zeros: int = 0
    mean: float | None = None
    histogram: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One side of one owner; None where nothing is known.

    Attributes:
        memory_usage: As a fraction of the budget, of the instance that uses most.
        connection_drop_rate: Abnormal closes by connections opened.
    """

    requests: int = 0
    errors: int = 0
    error_rate: float | None = None
    p95_ms: float | None = None
    memory_usage: float | None = None
    connection_drop_rate: float | None = None


def figures(measures: Iterable[Measure[Owner]]) -> dict[tuple[Owner, Variant], Figures]:
    """Give the figures of each owner's sides, all quantiles in one go; nothing for a side without samples."""
    sides: dict[tuple[Owner, Variant], dict[str, Measure[Owner]]] = {}
    for measure in measures:
        if measure.total:
            sides.setdefault((measure.owner, measure.variant), {})[measure.metric] = measure
    p95s = _p95s(sides)
    return {key: _figures(side, p95s.get(key)) for key, side in sides.items()}


def _p95s(
    sides: Mapping[tuple[Owner, Variant], Mapping[str, Measure[Owner]]],
) -> dict[tuple[Owner, Variant], float]:
    timed = {key: side[RESPONSE_TIME] for key, side in sides.items() if RESPONSE_TIME in side}
    histograms = Histograms.summed([measure.histogram for measure in timed.values()])
    values = histograms.quantiles(0.95, zeros=[measure.zeros for measure in timed.values()])
    return {key: value for key, value in zip(timed, values.tolist(), strict=True) if not math.isnan(value)}


def _figures(side: Mapping[str, Measure[Owner]], p95_ms: float | None) -> Figures:
    counts = {metric: measure.total for metric, measure in side.items()}
    return Figures(
        requests=counts.get(REQUESTS, 0),
        errors=counts.get(ERRORS, 0),
        error_rate=_rate(counts.get(ERRORS, 0), counts.get(REQUESTS, 0)),
        p95_ms=p95_ms,
        memory_usage=side[MEMORY_USAGE].mean if MEMORY_USAGE in side else None,
        connection_drop_rate=_rate(counts.get(CONNECTIONS_ABNORMAL, 0), counts.get(CONNECTIONS_OPENED, 0)),
    )


def _rate(events: int, trials: int) -> float | None:
    # As the judge has it: what happened could have happened, even if it was opened before.
    possible = max(trials, events)
    return events / possible if possible else None


class Trail:
    """The points of one trend, kept so that each look reads the recent ones only.

    A point changes as long as samples for it may arrive: the recent ones are read at every look, the others that may
    still change once in `REVISED_SECONDS`, those before them never again.
    """

    def __init__(self, window: Window) -> None:
        self.window = window
        self._points: dict[tuple[int, Variant], Figures] = {}
        self._revised_at = -math.inf

    def since(self, now: float) -> int:
        """From where the samples have to be read, epoch seconds: the start of a point."""
        first = self.window.starts(now)[0]
        if self._is_due(now):
            return max(first, self._floor(max(self._revised_at - _LATE_SECONDS, 0)))
        return max(first, self._floor(now - RECENT_SECONDS))

    def replace(self, measures: Iterable[Measure[int]], *, now: float, since: int) -> None:
        """Take what was read from `since` to `now` in the place of what was known of that time."""
        first = self.window.starts(now)[0]
        kept = {key: point for key, point in self._points.items() if first <= key[0] < since}
        self._points = kept | figures(measures)
        if self._is_due(now):
            self._revised_at = now

    def points(self, variant: Variant, *, now: float) -> Iterator[tuple[int, Figures | None]]:
        """The points of one side with their starts, gaps as None."""
        for start in self.window.starts(now):
            yield start, self._points.get((start, variant))

    def _is_due(self, now: float) -> bool:
        return not (0 <= now - self._revised_at < REVISED_SECONDS)

    def _floor(self, moment: float) -> int:
        return int(moment // self.window.width) * self.window.width
