"""How much traffic candidate gets at each look."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Schedule:
    """A ramp whose steps are equally long.

    Attributes:
        percentages: What candidate gets, step by step.
        looks: How often somebody looks, over all steps.
        requests: How many requests arrive between two looks, in both arms together.
    """

    percentages: tuple[float, ...] = (1, 5, 25, 50)
    looks: int = 100
    requests: int = 1000

    @cached_property
    def steps(self) -> Integers:
        """The step of each look, from 0."""
        return np.arange(self.looks) * len(self.percentages) // self.looks

    @cached_property
    def shares(self) -> Floats:
        """Candidate's share at each look, between 0 and 1."""
        return np.asarray(self.percentages, dtype=np.float64)[self.steps] / 100

    def starts(self, look: int) -> bool:
        """Whether a step starts at this look."""
        return look == 0 or bool(self.steps[look] != self.steps[look - 1])

    def candidate(self, random: Generator, runs: int, *, units: int | None = None) -> Integers:
        """How many of the units of each look the hash gives to candidate, shape (looks, runs)."""
        each = self.requests if units is None else units
        return random.binomial(each, self.shares[:, None], size=(self.looks, runs))


RAMP = Schedule()
QUIET_RAMP = Schedule(requests=100)
BAKE = Schedule(percentages=(50,))
