"""How long calls took: counted, and summed up as quantiles."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter


@dataclass(slots=True)
class Latency:
    """The durations of one kind of call."""

    milliseconds: list[float] = field(default_factory=list)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count what happens within, also when it fails."""
        started = perf_counter()
        try:
            yield
        finally:
            self.milliseconds.append((perf_counter() - started) * 1000)


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles of some figures, in the figures' unit; all zero of none."""

    count: int
    p50: float
    p99: float
    largest: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        """The quantiles, by the nearest rank."""
        ranked = sorted(figures)
        if not ranked:
            return cls(0, 0.0, 0.0, 0.0)
        return cls(len(ranked), _rank(ranked, 0.5), _rank(ranked, 0.99), ranked[-1])


def _rank(ranked: Sequence[float], share: float) -> float:
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]
