"""A fixed limit on an error rate, watched through a sliding window: the plain rate, and what is beyond doubt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.ramps.observations import Counts
from crossfade.statistics.limits import lower_bound

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Limit:
    """Roll back when candidate's error rate is above the limit.

    Attributes:
        looks: How many looks the window holds.
        least: How many requests the plain rule asks for; the bound needs none.
        alpha: The error probability of the bound at one look.
    """

    rate: float = 0.01
    looks: int = 10
    least: int = 100
    alpha: float = 0.001

    def plain(self, candidate: Counts) -> Bools:
        """Where the plain rule rolls back, by look and run."""
        window = self._window(candidate)
        above: Bools = (window.n >= self.least) & (window.x > self.rate * window.n)
        return above

    def exact(self, candidate: Counts) -> Bools:
        """Where the exact lower bound is over the limit."""
        window = self._window(candidate)
        above: Bools = lower_bound(window.x, window.n, alpha=self.alpha) > self.rate
        return above

    def _window(self, candidate: Counts) -> Counts:
        totals = candidate.so_far()
        return Counts(_last(totals.n, self.looks), _last(totals.x, self.looks))


def _last(totals: NDArray[np.float64], looks: int) -> NDArray[np.float64]:
    before = np.zeros_like(totals)
    before[looks:] = totals[:-looks]
    return totals - before
