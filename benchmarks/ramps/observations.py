"""What the looks of many runs see: accumulators per look and arm, shape (looks, runs) each.

A look is a stratum, the allocation is constant inside it. `control` and `candidate` are the two arms.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many units there were, and of how many it is true."""

    n: Floats
    x: Floats

    def so_far(self) -> Self:
        """The totals up to each look."""
        return type(self)(self.n.cumsum(axis=0), self.x.cumsum(axis=0))


@dataclass(frozen=True, slots=True)
class Sums:
    """How many values there were, their sum, and the sum of their squares."""

    n: Floats
    total: Floats
    squares: Floats

    @classmethod
    def of(cls, counts: Counts) -> Self:
        """Counts as the values 0 and 1."""
        return cls(counts.n, counts.x, counts.x)

    def so_far(self) -> Self:
        """The totals up to each look."""
        return type(self)(self.n.cumsum(axis=0), self.total.cumsum(axis=0), self.squares.cumsum(axis=0))

    def mean(self) -> Floats:
        """The mean; 0 where there is no value."""
        return self.total / np.maximum(self.n, 1)

    def m2(self) -> Floats:
        """The sum of squared distances from the mean, never below 0."""
        return np.maximum(self.squares - self.total * self.mean(), 0)

    def variance(self) -> Floats:
        """The sample variance; 0 below two values."""
        return self.m2() / np.maximum(self.n - 1, 1)


@dataclass(frozen=True, slots=True)
class Rates:
    """Both arms of a rate."""

    control: Counts
    candidate: Counts


@dataclass(frozen=True, slots=True)
class Means:
    """Both arms of a mean."""

    control: Sums
    candidate: Sums


@dataclass(frozen=True, slots=True)
class Ratio:
    """One arm of a ratio metric: per user what is counted, and out of how many."""

    n: Floats
    numerator: Floats
    numerator_squares: Floats
    denominator: Floats
    denominator_squares: Floats
    product: Floats

    def so_far(self) -> Self:
        """The totals up to each look."""
        return type(self)(*(getattr(self, name).cumsum(axis=0) for name in self.__dataclass_fields__))

    def per_user(self) -> Sums:
        """What is counted per user, as a mean."""
        return Sums(self.n, self.numerator, self.numerator_squares)

    def per_request(self) -> Counts:
        """What is counted per request, as if requests were independent."""
        return Counts(self.denominator, self.numerator)


@dataclass(frozen=True, slots=True)
class Clusters:
    """Both arms of a ratio metric, and control before the ramp, shape (runs,)."""

    before: Ratio
    control: Ratio
    candidate: Ratio
