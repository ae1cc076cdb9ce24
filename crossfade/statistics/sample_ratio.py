"""Sample ratio mismatch: whether the arms received the shares of traffic that they were given (M7).

An alarm says that the measurement is broken and suspends decisions; it is no verdict on any metric.
"""

from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from crossfade.errors import InvalidArgument
from crossfade.statistics.arguments import Bools, Floats, Texts, counts, not_negatives, positives
from crossfade.statistics.evidence import Status, log_p_value, statuses
from crossfade.statistics.tails import log_chi_square, probability

Scalar = TypeVar("Scalar", np.float64, np.bool_)
CONCENTRATION = 10_000.0
"""How firmly the mixture expects the planned shares: the evidence of small mismatches grows soonest near this many."""
MINIMUM_EXPECTED = 5
"""No alarm, and no chi-square, while an arm expects fewer units than this (M12)."""
# From here Stirling's series with four terms has all digits.
_STIRLING = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class SampleRatio:
    """One test of shares, one entry per set of counts.

    Attributes:
        log_e: Logarithm of the e-value against "the shares are as planned"; infinite with traffic in a zero-weight arm.
        log_p: Logarithm of its current p-value, min(1, 1 / e); take `evidence.peak` over the looks first.
        p: That p-value.
        status: A `Status` each; without `ok` it is no alarm.
    """

    log_e: Floats
    log_p: Floats
    p: Floats
    status: Texts


@dataclass(frozen=True, slots=True, eq=False)
class ChiSquare:
    """Pearson's test, one entry per set of counts.

    Attributes:
        statistic: Chi-square; infinite with traffic in a zero-weight arm.
        degrees: Arms with a weight, minus 1.
        log_p: Natural logarithm of the p-value.
        p: The p-value, at least 2.2e-308.
        status: A `Status` each.
    """

    statistic: Floats
    degrees: Floats
    log_p: Floats
    p: Floats
    status: Texts


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The planned shares of traffic, fixed when the step starts; made by `of`.

    Attributes:
        shares: Of the arms, first axis; they add up to 1. That of an arm without one is told as 1, to divide by.
        used: Whether an arm has a share at all.
        concentration: How many units the mixture expects in all.
        prior: How many of each arm.
        freedom: Half the number of arms with a share, less 1/2.
        constant: What the evidence owes to these alone.
    """

    shares: Floats
    used: Bools
    concentration: Floats
    prior: Floats
    freedom: Floats
    constant: Floats

    @classmethod
    def of(cls, weights: ArrayLike, *, concentration: ArrayLike = CONCENTRATION) -> Self:
        """The split behind weights.

        Args:
            weights: Of the arms, along the last axis, in any unit: they are normalised.
            concentration: How firmly the mixture expects the planned shares, in units.

        Raises:
            InvalidArgument: A weight is no such number, none is above 0, there are fewer than two, or the
                concentration is not above 0.
        """
        given, k = np.atleast_2d(not_negatives(weights, "weights")), positives(concentration, "concentration")
        if given.shape[-1] < 2:  # noqa: PLR2004  a ratio has two sides
            raise InvalidArgument("weights", "must be at least two along the last axis")
        # By the largest first: the sum of huge weights must not overflow.
        largest = given.max(axis=-1, keepdims=True)
        if not bool(np.all(largest > 0)):
            raise InvalidArgument("weights", "must not all be 0")
        scaled = given / largest
        shares = _with_axes(np.moveaxis(scaled / scaled.sum(axis=-1, keepdims=True), -1, 0), k.ndim + 1)
        used = shares > 0
        shares = np.where(used, shares, 1.0)
        prior = k * shares
        constant = _remainder(k) - (used * _remainder(prior)).sum(axis=0)
        return cls(shares, used, k, prior, (used.sum(axis=0) - 1) / 2, constant)

    def look(self, counted: ArrayLike) -> SampleRatio:
        """What `sample_ratio` says of counts, under this split.

        Raises:
            InvalidArgument: A count is no such number, or the shapes do not fit.
        """
        n = self.arms(counted)
        total, log_e = n.sum(axis=0), self._log_e(n)
        log_p = log_p_value(log_e)
        return SampleRatio(log_e, log_p, probability(log_p), self.status(total, log_e))

    def arms(self, counted: ArrayLike) -> Floats:
        """The counts, arms along the first axis, in a shape that fits."""
        given = np.atleast_2d(counts(counted, "counted"))
        n = np.ascontiguousarray(given.transpose(-1, *range(given.ndim - 1)))
        n = _with_axes(n, self.prior.ndim)
        try:
            np.broadcast(n, _with_axes(self.prior, n.ndim))
        except ValueError:
            raise InvalidArgument("weights", "must have a shape that fits counted") from None
        return n

    def status(self, total: Floats, evidence: Floats) -> Texts:
        """Whether there are enough units for an alarm."""
        is_ready = (self.shares.min(axis=0) * total >= MINIMUM_EXPECTED) | (evidence == np.inf)
        return statuses(is_ready.shape, (~is_ready, Status.INSUFFICIENT_DATA))

    def _log_e(self, n: Floats) -> Floats:
        """Give the log of Dirichlet-multinomial over multinomial, in the form in which nothing large cancels.

        With z_i = k theta_i + n_i, Z = k + N and d_i = (n_i - N theta_i) / (Z theta_i), Stirling's formula turns
        sum ln Gamma(z_i) - ln Gamma(Z) - sum n_i ln theta_i into the sums below; `_remainder` is what Stirling leaves.
        """
        used, share = _with_axes(self.used, n.ndim), _with_axes(self.shares, n.ndim)
        prior = _with_axes(self.prior, n.ndim)
        total = (n * used).sum(axis=0)
        size = self.concentration + total
        expected = size * share
        deviation = (n - total * share) / expected
        # (1 + d) ln(1 + d) - d: the d add up to nothing when weighted by theta, so they may be taken out.
        growth = np.log1p(np.maximum(deviation, -1 + 1e-300))
        change = expected * ((1 + deviation) * growth - deviation) - 0.5 * growth
        rests = _remainder(np.concatenate([prior + n, size[None]]))
        change += rests[:-1]
        change *= used
        logs = change.sum(axis=0) + self.constant - rests[-1] - self.freedom * np.log1p(total / self.concentration)
        return logs if used.all() else np.where(((n > 0) & ~used).any(axis=0), np.inf, logs)


def sample_ratio(counted: ArrayLike, weights: ArrayLike, *, concentration: ArrayLike = CONCENTRATION) -> SampleRatio:
    """Evidence, valid at every look, that the arms' shares are not the planned ones.

    The multinomial likelihood of all counts so far, mixed over a Dirichlet distribution around the planned shares,
    over that of the planned shares (Lindon & Malek 2022, of which the abstract was read; agrees with 40-digit
    arithmetic). Over steps with other weights add `log_e`. Any traffic in a zero-weight arm is an alarm by itself.

    Args:
        counted: Units per arm so far in this step, arms along the last axis.
        weights: The planned shares in any unit, of a shape that fits. Who looks often keeps a `Split` of them.
        concentration: How firmly the mixture expects the planned shares, in units.

    Raises:
        InvalidArgument: A count is no such number, the shapes do not fit, or as `Split.of` says.
    """
    return Split.of(weights, concentration=concentration).look(counted)


def chi_square(counted: ArrayLike, weights: ArrayLike) -> ChiSquare:
    """Pearson's chi-square test of the shares, for the report; arguments and errors as in `sample_ratio`.

    Pearson (1900); agrees with scipy's `chisquare`. Without units p is 1.
    """
    split = Split.of(weights)
    n = split.arms(counted)
    shares, used = _with_axes(split.shares, n.ndim), _with_axes(split.used, n.ndim)
    total = n.sum(axis=0)
    expected = shares * total
    # Beside a share of next to nothing any unit is as good as impossible.
    with np.errstate(over="ignore"):
        summands = (n - expected) ** 2 / np.where(expected > 0, expected, 1.0)
    statistic = np.where(used, summands, np.where(n > 0, np.inf, 0.0)).sum(axis=0)
    degrees = np.broadcast_to(np.maximum(used.sum(axis=0) - 1.0, 0.0), statistic.shape)
    is_certain = np.isinf(statistic)
    is_idle = (total == 0) | (degrees == 0)
    finite = np.where(is_certain | is_idle, 0.0, statistic)
    log_p = np.where(is_certain, -np.inf, log_chi_square(finite, np.maximum(degrees, 1.0)))
    return ChiSquare(statistic, degrees, log_p, probability(log_p), split.status(total, statistic))


def _with_axes(arms: NDArray[Scalar], axes: int) -> NDArray[Scalar]:
    """The array with at least so many axes, the new ones behind that of the arms."""
    return arms.reshape(len(arms), *(1,) * (axes - arms.ndim), *arms.shape[1:])


def _remainder(z: Floats) -> Floats:
    """Give ln Gamma(z) - [(z - 1/2) ln z - z + ln(2 pi) / 2]."""
    inverse = 1 / np.maximum(z, _STIRLING)
    square = inverse * inverse
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    is_small = z < _STIRLING
    if not bool(is_small.any()):
        return series
    small = np.minimum(z, _STIRLING)
    exact = special.gammaln(small) - ((small - 0.5) * np.log(small) - small + 0.5 * np.log(2 * np.pi))
    return np.where(is_small, exact, series)
