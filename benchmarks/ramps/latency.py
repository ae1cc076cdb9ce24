"""Latency: log-normal bodies with a long tail, its mean and the share above a fixed limit."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.ramps.observations import Counts, Means, Rates, Sums
from benchmarks.ramps.rates import Curve, steady
from benchmarks.ramps.schedule import RAMP, Schedule

Floats = NDArray[np.float64]
MEDIAN_MS = 80.0
_BASELINE_REQUESTS = 10_000


class Seen(NamedTuple):
    """What the looks see of latency: its mean, and how often it was above the limit; and control before the ramp."""

    before: Sums
    means: Means
    shares: Rates


@dataclass(frozen=True)
class Latency:
    """Latency over a ramp.

    Attributes:
        sigma: The standard deviation of the logarithm; at 1.0 the p95 is five times the median.
        level: What both arms are multiplied with, by progress from 0 to 1.
        ratio: How many times slower candidate is.
    """

    sigma: float = 1.0
    level: Curve = field(default_factory=lambda: steady(1))
    ratio: float = 1.0
    schedule: Schedule = RAMP

    def observed(self, random: Generator, runs: int) -> Seen:
        """What the looks of so many runs see; the limit is the p95 of a baseline window before the ramp."""
        baseline = self._values(random, (runs, _BASELINE_REQUESTS))
        limits = np.quantile(baseline, 0.95, axis=1)
        candidates = self.schedule.candidate(random, runs)
        levels = self.level(np.arange(self.schedule.looks) / (self.schedule.looks - 1))
        looks = [
            self._look(random, limits / level, chosen) * np.array([1, level, level**2, 1])[:, None, None]
            for level, chosen in zip(levels, candidates, strict=True)
        ]
        n, total, squares, above = np.stack(looks, axis=1)
        control, candidate = 0, 1
        return Seen(
            Sums(np.full(runs, float(_BASELINE_REQUESTS)), baseline.sum(axis=1), (baseline**2).sum(axis=1)),
            Means(*(Sums(n[..., arm], total[..., arm], squares[..., arm]) for arm in (control, candidate))),
            Rates(*(Counts(n[..., arm], above[..., arm]) for arm in (control, candidate))),
        )

    def _values(self, random: Generator, shape: tuple[int, int]) -> Floats:
        return np.exp(self.sigma * random.standard_normal(shape)) * MEDIAN_MS

    def _look(self, random: Generator, limits: Floats, candidates: NDArray[np.int64]) -> Floats:
        """n, sum, squares and number above the limit, shape (4, runs, arms); candidate has the first values."""
        values = self._values(random, (len(candidates), self.schedule.requests))
        is_candidate = np.arange(self.schedule.requests) < candidates[:, None]
        values = np.where(is_candidate, values * self.ratio, values)
        measured = [np.ones_like(values), values, values**2, values > limits[:, None]]
        return np.array([_by_arm(each.astype(np.float64), is_candidate) for each in measured])


def _by_arm(values: Floats, is_candidate: NDArray[np.bool_]) -> Floats:
    of_candidate = np.einsum("rv,rv->r", values, is_candidate.astype(np.float64))
    return np.stack([values.sum(axis=1) - of_candidate, of_candidate], axis=1)
