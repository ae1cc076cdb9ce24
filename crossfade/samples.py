"""What was measured of one run, window by window, as the store reads it and the judge takes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from crossfade.states import Variant


class Key(NamedTuple):
    """One metric of one variant within one window."""

    window_seconds: int
    variant: Variant
    metric: str


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of one metric in one window.

    Attributes:
        count: How many; what a counter counted.
        zeros: How many of a distribution's values were not above 0.
        mean: Of a gauge: the mean of the instance whose mean is the highest.
        histogram: Of a distribution: encoded histograms in a row.
        newest: When the last of them arrived, epoch seconds.
        last_bucket: The start of the newest bucket, epoch seconds.
        instance: Of a gauge: whose mean it is.
    """

    count: int
    zeros: int = 0
    mean: float = 0.0
    histogram: bytes = b""
    newest: float = 0.0
    last_bucket: float = 0.0
    instance: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything that was measured of one run at its current step.

    Attributes:
        windows: The samples by window, variant and metric; nothing where there are none.
        declared: The series that the component has ever reported.
        open_requests: Candidate requests in buckets that may still grow.
        closed_requests: Candidate requests in buckets that have closed since the last reading.
    """

    windows: Mapping[Key, Samples] = field(default_factory=dict)
    declared: frozenset[tuple[Variant, str]] = frozenset()
    open_requests: int = 0
    closed_requests: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which samples of a run are asked for: those of its step, from the step's publication on.

    Attributes:
        since_revision: The revision that published the step.
        windows: The first bucket of each window, by its length in seconds.
        counted_from: The first bucket whose candidate requests are not in the last reading's closed count.
        closes_at: The first bucket that may still grow.
    """

    run_id: str
    component: str
    step: int
    since_revision: int
    windows: Mapping[int, datetime]
    counted_from: datetime
    closes_at: datetime
