"""What is kept of the data, per arm: fixed in size, merged by adding, one entry for each metric (and bucket)."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from crossfade.errors import InvalidArgument
from crossfade.statistics.arguments import Floats, aligned, counts, fit, floats, not_negatives, numbers
from crossfade.statistics.exact import cross_difference, quotient, two_product, two_sum

# A sum of squares that is known only up to rounding may come out this much below zero, relative to its size.
_ROUNDING = 1e-9
# Beyond them squares, and sums of 2**53 of them, would leave the range of a float.
_LARGEST, _LARGEST_SQUARES = 1e140, 1e300
_LARGEST_M2 = 1e280


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Number, mean and sum of squared deviations of the values of one arm; arrays of one shape.

    Merging follows Chan, Golub & LeVeque (1979): no difference of large sums, so that a mean of 1e9 keeps the digits
    of a standard deviation of 1. What a float cannot hold of such a mean is kept beside it.

    Attributes:
        n: How many values.
        mean: Their mean, in the metric's unit; 0 where there are none.
        m2: Sum of squared deviations from the mean, in the unit squared.
        rest: What is to be added to `mean`, less than its last digit.

    Raises:
        InvalidArgument: `n` is not a count, `mean` is not a number of a size of at most 1e140, `m2` not one from 0 to
            1e280, or the shapes do not fit.
    """

    n: Floats
    mean: Floats
    m2: Floats
    rest: Floats = field(default_factory=lambda: np.zeros(1))

    def __post_init__(self) -> None:
        n, mean, m2, rest = aligned(
            n=counts(self.n, "n"),
            mean=numbers(self.mean, "mean", largest=_LARGEST),
            m2=not_negatives(self.m2, "m2", largest=_LARGEST_M2),
            rest=numbers(self.rest, "rest"),
        )
        object.__setattr__(self, "rest", np.where(n > 0, rest, 0.0))
        object.__setattr__(self, "n", n)
        object.__setattr__(self, "mean", np.where(n > 0, mean, 0.0))
        object.__setattr__(self, "m2", np.where(n > 1, m2, 0.0))

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """The moments of raw values, which lie along the last axis."""
        given = numbers(values, "values", largest=_LARGEST)
        n = np.full(given.shape[:-1], given.shape[-1])
        if not given.shape[-1]:
            return cls.from_variance(n, np.zeros(n.shape), np.zeros(n.shape))
        mean = given.mean(axis=-1)
        # The second pass of the corrected two-pass algorithm: what the rounded mean leaves over is put back.
        mean, rest = two_sum(mean, (given - mean[..., None]).mean(axis=-1))
        return cls(n, mean, ((given - mean[..., None]) ** 2).sum(axis=-1), rest)

    @classmethod
    def from_variance(cls, n: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Self:
        """The moments behind a sample variance (divisor n - 1).

        A mean of no values and a variance of fewer than two are ignored, be they NaN.
        """
        given = aligned(n=counts(n, "n"), mean=floats(mean, "mean"), variance=floats(variance, "variance"))
        size, centre, spread = given
        centre, spread = np.where(size > 0, centre, 0.0), np.where(size > 1, spread, 0.0)
        spread = not_negatives(spread, "variance", largest=_LARGEST_M2)
        return cls(size, centre, spread * np.maximum(size - 1, 0))

    @classmethod
    def from_sums(cls, n: ArrayLike, total: ArrayLike, squares: ArrayLike) -> Self:
        """The moments behind a sum and a sum of squares: no digit is lost that the two sums have.

        Raises:
            InvalidArgument: `squares` is smaller than the sum allows.
        """
        squares = not_negatives(squares, "squares", largest=_LARGEST_SQUARES)
        given = aligned(n=counts(n, "n"), total=numbers(total, "total"), squares=squares)
        size, summed, squared = given
        trials = np.maximum(size, 1)
        largest = np.sqrt(trials) * (np.sqrt(squared) * (1 + _ROUNDING) + _ROUNDING)
        if not bool(np.all(np.abs(summed) <= largest)):
            raise InvalidArgument("squares", "must not be smaller than total squared over n")
        mean, rest = quotient(summed, trials)
        return cls(size, mean, np.maximum(_central(squared, summed, mean, rest), 0.0), rest)

    @property
    def variance(self) -> Floats:
        """The sample variance (divisor n - 1); NaN where there are fewer than two values."""
        return np.where(self.n > 1, self.m2 / np.maximum(self.n - 1, 1), np.nan)

    def __add__(self, other: Self) -> Self:
        """The moments of the values of both."""
        fit(self.n, other.n)
        n = self.n + other.n
        share = other.n / np.maximum(n, 1)
        delta = mean_difference(self, other)
        mean, rest = two_sum(self.mean, self.rest + delta * share)
        return type(self)(n, mean, self.m2 + other.m2 + delta**2 * self.n * share, rest)


def mean_difference(control: Moments, treatment: Moments) -> Floats:
    """Treatment's mean minus control's, with the digits that neither mean alone can hold."""
    return (treatment.mean - control.mean) + (treatment.rest - control.rest)


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """How often something happened of how often it could have; arrays of one shape.

    Attributes:
        n: Trials: requests, users.
        successes: In how many of them it happened (an error, a conversion, a value above a limit).

    Raises:
        InvalidArgument: One is not a count, `successes` exceed `n`, or the shapes do not fit.
    """

    n: Floats
    successes: Floats

    def __post_init__(self) -> None:
        n, successes = aligned(n=counts(self.n, "n"), successes=counts(self.successes, "successes"))
        if not bool(np.all(successes <= n)):
            raise InvalidArgument("successes", "must not exceed n")
        object.__setattr__(self, "n", n)
        object.__setattr__(self, "successes", successes)

    @classmethod
    def of(cls, n: ArrayLike, successes: ArrayLike) -> Self:
        """The counts, given as anything that is an array."""
        return cls(counts(n, "n"), counts(successes, "successes"))

    @property
    def failures(self) -> Floats:
        """In how many trials it did not happen."""
        return self.n - self.successes

    @property
    def rate(self) -> Floats:
        """Successes per trial; NaN without trials."""
        return np.where(self.n > 0, self.successes / np.maximum(self.n, 1), np.nan)

    def __add__(self, other: Self) -> Self:
        """The counts of both."""
        fit(self.n, other.n)
        return type(self)(self.n + other.n, self.successes + other.successes)


def rate_difference(control: Counts, treatment: Counts) -> Floats:
    """Treatment's rate minus control's, to the last digit; NaN where an arm has no trials."""
    n_c, n_t = np.maximum(control.n, 1), np.maximum(treatment.n, 1)
    apart = cross_difference(treatment.successes, n_c, control.successes, n_t) / n_c / n_t
    return np.where((control.n > 0) & (treatment.n > 0), apart, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class RatioMoments:
    """Two values of each unit of one arm, for a ratio of their sums (requests per user, errors per request of users).

    Attributes:
        numerator: Moments of the values above the line.
        denominator: Moments of the values below it, of the same units.
        comoment: Sum of products of the deviations of the two.

    Raises:
        InvalidArgument: The two differ in `n`, or `comoment` is not finite or larger than the two allow.
    """

    numerator: Moments
    denominator: Moments
    comoment: Floats

    def __post_init__(self) -> None:
        if not np.array_equal(self.numerator.n, self.denominator.n):
            raise InvalidArgument("denominator", "must be of the same units as numerator")
        _, comoment = aligned(numerator=self.numerator.n, comoment=numbers(self.comoment, "comoment"))
        largest = np.sqrt(self.numerator.m2) * np.sqrt(self.denominator.m2)
        slack = 1e-6 * (largest + np.abs(self.numerator.mean * self.denominator.mean) * self.numerator.n)
        if not bool(np.all(np.abs(comoment) <= largest + slack + _ROUNDING)):
            raise InvalidArgument("comoment", "must not exceed what the moments allow")
        object.__setattr__(self, "comoment", np.clip(comoment, -largest, largest))

    @classmethod
    def from_sums(
        cls, n: ArrayLike, *, num: ArrayLike, num2: ArrayLike, den: ArrayLike, den2: ArrayLike, product: ArrayLike
    ) -> Self:
        """The moments behind sums of numerator, its square, denominator, its square, and the product of the two."""
        numerator, denominator = Moments.from_sums(n, num, num2), Moments.from_sums(n, den, den2)
        products, total, _ = aligned(
            product=numbers(product, "product", largest=_LARGEST_SQUARES), num=numbers(num, "num"), n=numerator.n
        )
        return cls(numerator, denominator, _central(products, total, denominator.mean, denominator.rest))

    @classmethod
    def of(cls, numerator: ArrayLike, denominator: ArrayLike) -> Self:
        """The moments of raw pairs, units along the last axis."""
        above, below = numbers(numerator, "numerator"), numbers(denominator, "denominator")
        if above.shape != below.shape:
            raise InvalidArgument("denominator", "must have the shape of numerator")
        first, second = Moments.of(above), Moments.of(below)
        deviations = (above - first.mean[..., None]) * (below - second.mean[..., None])
        return cls(first, second, np.atleast_1d(deviations.sum(axis=-1)))

    def __add__(self, other: Self) -> Self:
        """The moments of the units of both."""
        fit(self.numerator.n, other.numerator.n)
        n = self.numerator.n + other.numerator.n
        share = self.numerator.n * (other.numerator.n / np.maximum(n, 1))
        apart = mean_difference(self.numerator, other.numerator) * mean_difference(self.denominator, other.denominator)
        return type(self)(
            self.numerator + other.numerator,
            self.denominator + other.denominator,
            self.comoment + other.comoment + apart * share,
        )


def _central(products: Floats, total: Floats, mean: Floats, rest: Floats) -> Floats:
    """The sum of products less total times mean: what is left for the deviations, with all its digits."""
    nearest, lost = two_product(total, mean)
    return (products - nearest) - lost - total * rest
