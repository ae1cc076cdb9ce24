"""Sums that grow with each sample and leave as summaries."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from crossfade import histogram
from crossfade.wire import Summary, VariantName

MOST_DETAILS = 50
OTHER = "(other)"


@dataclass(frozen=True, slots=True)
class Key:
    """What one cell is about; `bucket` comes first, so that keys sort by age."""

    bucket: int
    component: str
    variant: VariantName
    revision: int
    metric: str
    instance: str | None = None


@dataclass(slots=True)
class Cell:
    """Count, moments (Welford 1962), extremes, histogram and details of one key."""

    count: int = 0
    zeros: int = 0
    mean: float = 0.0
    m2: float = 0.0
    min: float = 0.0
    max: float = 0.0
    histogram: dict[int, int] = field(default_factory=dict)
    details: dict[str, int] = field(default_factory=dict)

    def value(self, value: float) -> None:
        """Add a value to the moments."""
        self.min = min(self.min, value) if self.count else value
        self.max = max(self.max, value) if self.count else value
        self.count += 1
        delta = value - self.mean
        self.mean += delta / self.count
        self.m2 += delta * (value - self.mean)

    def sample(self, value: float) -> None:
        """Add a value to the moments and to the histogram."""
        self.value(value)
        if value > 0:
            bucket = histogram.index(value)
            self.histogram[bucket] = self.histogram.get(bucket, 0) + 1
        else:
            self.zeros += 1

    def explain(self, paths: Iterable[str]) -> None:
        """Count where a mismatch was, in at most 50 places."""
        for path in paths:
            place = path if path in self.details or len(self.details) < MOST_DETAILS else OTHER
            self.details[place] = self.details.get(place, 0) + 1

    def summary(self, key: Key) -> Summary:
        """What travels."""
        return Summary(
            component=key.component,
            variant=key.variant,
            revision=key.revision,
            metric=key.metric,
            bucket=key.bucket,
            count=self.count,
            zeros=self.zeros,
            mean=self.mean,
            m2=self.m2,
            min=self.min,
            max=self.max,
            histogram=tuple(sorted(self.histogram.items())),
            instance=key.instance,
            details=dict(self.details) or None,
        )
