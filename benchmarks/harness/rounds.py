"""Timing in interleaved rounds: every contender once per round, so that a busy machine slows all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from statistics import median, quantiles
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Timing:
    """The durations of one contender, in milliseconds."""

    median_ms: float
    p25_ms: float
    p75_ms: float
    best_ms: float

    def times(self, factor: float) -> "Timing":
        """The timing of so much more of the same."""
        return Timing(*(getattr(self, name) * factor for name in self.__slots__))


def timed(
    contenders: Mapping[str, Callable[[], object]], *, rounds: int, clock: Callable[[], float] = perf_counter
) -> dict[str, Timing]:
    """The timings of contenders after one warm-up round; `clock` tells seconds."""
    durations: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        order = list(contenders)
        # Whoever follows a contender that empties the caches pays for it: each time somebody else.
        Random(number).shuffle(order)
        for name in order:
            started = clock()
            contenders[name]()
            if number:
                durations[name].append((clock() - started) * 1000)
    return {name: _timing(values) for name, values in durations.items()}


def _timing(values: list[float]) -> Timing:
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return Timing(median(values), low, high, min(values))
