"""Sample ratio mismatch: whether the arms received the shares of traffic that they were given (M7).

An alarm says that the measurement is broken and suspends decisions; it is no verdict on any metric.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from crossfade.errors import InvalidArgument
from crossfade.statistics.arguments import Bools, Floats, Texts, counts, not_negatives, positives
from crossfade.statistics.evidence import Status, log_p_value
from crossfade.statistics.tails import log_chi_square, probability

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


def sample_ratio(counted: ArrayLike, weights: ArrayLike, *, concentration: ArrayLike = CONCENTRATION) -> SampleRatio:
    """Evidence, valid at every look, that the arms' shares are not the planned ones.

    The multinomial likelihood of all counts so far, mixed over a Dirichlet distribution around the planned shares,
    over that of the planned shares (Lindon & Malek 2022, of which the abstract was read; agrees with 40-digit
    arithmetic). Over steps with other weights add `log_e`. Any traffic in a zero-weight arm is an alarm by itself.

    Args:
        counted: Units per arm so far in this step, arms along the last axis.
        weights: The planned shares in any unit (they are normalised), of a shape that fits.
        concentration: How firmly the mixture expects the planned shares, in units.

    Raises:
        InvalidArgument: A count or weight is no such number, no weight is above 0, there are fewer than two arms, or
            the shapes do not fit.
    """
    n, theta = _arms(counted, weights)
    k = positives(concentration, "concentration")
    used = theta > 0
    log_e = np.where(((n > 0) & ~used).any(axis=0), np.inf, _log_e(n, theta, used, k))
    log_p = log_p_value(log_e)
    return SampleRatio(log_e, log_p, probability(log_p), _status(n.sum(axis=0), theta, log_e))


def chi_square(counted: ArrayLike, weights: ArrayLike) -> ChiSquare:
    """Pearson's chi-square test of the shares, for the report; arguments and errors as in `sample_ratio`.

    Pearson (1900); agrees with scipy's `chisquare`. Without units p is 1.
    """
    n, theta = _arms(counted, weights)
    used = theta > 0
    total = n.sum(axis=0)
    expected = theta * total
    summands = (n - expected) ** 2 / np.where(expected > 0, expected, 1.0)
    statistic = np.where(used, summands, np.where(n > 0, np.inf, 0.0)).sum(axis=0)
    degrees = np.broadcast_to(np.maximum(used.sum(axis=0) - 1.0, 0.0), statistic.shape)
    is_certain = np.isinf(statistic)
    is_idle = (total == 0) | (degrees == 0)
    finite = np.where(is_certain | is_idle, 0.0, statistic)
    log_p = np.where(is_certain, -np.inf, log_chi_square(finite, np.maximum(degrees, 1.0)))
    return ChiSquare(statistic, degrees, log_p, probability(log_p), _status(total, theta, statistic))


def _arms(counted: ArrayLike, weights: ArrayLike) -> tuple[Floats, Floats]:
    """The counts and the normalised shares, arms along the first axis; the shares' others may be of length 1."""
    n, given = np.atleast_2d(counts(counted, "counted")), not_negatives(weights, "weights")
    try:
        shape = np.broadcast_shapes(n.shape, given.shape)
    except ValueError:
        raise InvalidArgument("weights", "must have a shape that fits counted") from None
    if shape[-1] < 2:  # noqa: PLR2004  a ratio has two sides
        raise InvalidArgument("counted", "must have at least two arms along the last axis")
    missing = (1,) * (len(shape) - given.ndim)
    given = np.broadcast_to(given, (*missing, *given.shape[:-1], shape[-1]))
    # By the largest first: the sum of huge weights must not overflow.
    largest = given.max(axis=-1, keepdims=True)
    if not bool(np.all(largest > 0)):
        raise InvalidArgument("weights", "must not all be 0")
    scaled = given / largest
    theta = scaled / scaled.sum(axis=-1, keepdims=True)
    return np.ascontiguousarray(np.moveaxis(np.broadcast_to(n, shape), -1, 0)), np.moveaxis(theta, -1, 0)


def _log_e(n: Floats, theta: Floats, used: Bools, k: Floats) -> Floats:
    """Give the log of Dirichlet-multinomial over multinomial, in the form in which nothing large cancels.

    With z_i = k theta_i + n_i, Z = k + N and d_i = (n_i - N theta_i) / (Z theta_i), Stirling's formula turns
    sum ln Gamma(z_i) - ln Gamma(Z) - sum n_i ln theta_i into the sums below; `_remainder` is what Stirling leaves.
    """
    share = np.where(used, theta, 1.0)
    total = np.where(used, n, 0.0).sum(axis=0)
    size = k + total
    expected = size * share
    deviation = (n - total * share) / expected
    # (1 + d) ln(1 + d) - d: the d add up to nothing when weighted by theta, so they may be taken out.
    growth = np.log1p(np.maximum(deviation, -1 + 1e-300))
    entropy = expected * ((1 + deviation) * growth - deviation)
    change = entropy - 0.5 * growth + _remainder(k * share + n) - _remainder(k * share)
    summed = np.where(used, change, 0.0).sum(axis=0)
    arms = used.sum(axis=0)
    logs: Floats = summed - (arms - 1) / 2 * np.log1p(total / k) - (_remainder(size) - _remainder(k))
    return logs


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


def _status(total: Floats, theta: Floats, evidence: Floats) -> Texts:
    smallest = np.where(theta > 0, theta, np.inf).min(axis=0)
    is_ready = (smallest * total >= MINIMUM_EXPECTED) | np.isinf(evidence)
    return np.where(is_ready, Status.OK, Status.INSUFFICIENT_DATA)
