"""Errors: rates that are flat, drift in both arms, are rare, or turn bad late."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.ramps.observations import Counts, Rates
from benchmarks.ramps.schedule import RAMP, Schedule

Floats = NDArray[np.float64]
Curve = Callable[[Floats], Floats]


def steady(value: float) -> Curve:
    """The same value all the time."""
    return lambda progress: np.full(progress.shape, value)


def drifting(start: float, end: float) -> Curve:
    """From one value to another in a straight line."""
    return lambda progress: start + (end - start) * progress


def late(value: float, *, since: float) -> Curve:
    """1 until a point of the ramp, then the value."""
    return lambda progress: np.where(progress < since, 1.0, value)


@dataclass(frozen=True)
class ErrorRate:
    """An error rate over a ramp.

    Attributes:
        baseline: The rate of control, by progress from 0 to 1.
        ratio: How many times more often candidate fails, by progress.
    """

    baseline: Curve
    ratio: Curve = field(default_factory=lambda: steady(1))
    schedule: Schedule = RAMP

    def observed(self, random: Generator, runs: int) -> Rates:
        """What the looks of so many runs see."""
        candidates = self.schedule.candidate(random, runs)
        progress = np.arange(self.schedule.looks) / (self.schedule.looks - 1)
        rate = self.baseline(progress)[:, None]
        harmed = np.minimum(rate * self.ratio(progress)[:, None], 1)
        controls = self.schedule.requests - candidates
        return Rates(
            _counts(controls, random.binomial(controls, rate)),
            _counts(candidates, random.binomial(candidates, harmed)),
        )


def _counts(n: NDArray[np.int64], x: NDArray[np.int64]) -> Counts:
    return Counts(n.astype(np.float64), x.astype(np.float64))
