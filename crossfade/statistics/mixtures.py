"""The normal mixture: evidence about a sum S whose variance so far is V, valid at every look (M4's engine).

Robbins (1970) and Howard, Ramdas, McAuliffe & Sekhon (2021), propositions 5 (two-sided) and 6 (one-sided); the
formulas agree with the authors' library (confseq), the papers themselves were not read. The clock is V, the
variance that has accumulated, not the number of values: V = 0 is the start.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from crossfade.errors import InvalidArgument
from crossfade.statistics.accumulators import Moments, mean_difference
from crossfade.statistics.arguments import Floats, aligned, not_negatives, numbers, positives, probabilities
from crossfade.statistics.tails import log_scaled_normal

_NEWTON_STEPS = 12
# Leaves room for the bound.
_LARGEST = 1e300


def tuning(v_opt: ArrayLike, *, alpha: ArrayLike, sides: int = 2) -> Floats:
    """The mixture's parameter rho, which makes the bound tightest when V reaches `v_opt`.

    Args:
        v_opt: The variance of S planned for the end, above 0; fixed before the first look.
        alpha: Error probability it is tuned for; below 1/2 if one-sided.
        sides: 2, or 1, which is tuned as if for 2 alpha.

    Raises:
        InvalidArgument: `v_opt` is not above 0, `alpha` is out of range, or `sides` is neither 1 nor 2.
    """
    if sides not in (1, 2):
        raise InvalidArgument("sides", "must be 1 or 2")
    planned, error = aligned(v_opt=positives(v_opt, "v_opt"), alpha=probabilities(alpha, "alpha"))
    doubled = error * (3 - sides)
    if not bool(np.all(doubled < 1)):
        raise InvalidArgument("alpha", "must be below 1/2 for one side")
    strictness = -2 * np.log(doubled)
    rho: Floats = planned / (strictness + np.log1p(strictness))
    return rho


def two_sided_log_e(score: ArrayLike, information: ArrayLike, *, rho: ArrayLike) -> Floats:
    """The log e-value against "S has mean 0": 0.5 ln(rho / (V + rho)) + S**2 / (2 (V + rho)).

    Args:
        score: S, in any unit.
        information: V, the variance of S so far, in that unit squared; 0 or more.
        rho: As given by `tuning`.

    Raises:
        InvalidArgument: One is not finite, V is negative, rho is not above 0, V or rho is above 1e300, or the shapes do
            not fit.
    """
    s, v, r = _checked(score, information, rho)
    return standardised(s, v + r) ** 2 / 2 - _log_growth(v, r) / 2


def one_sided_log_e(score: ArrayLike, information: ArrayLike, *, rho: ArrayLike) -> Floats:
    """The log e-value against "S has a mean of at most 0"; arguments and errors as in `two_sided_log_e`."""
    s, v, r = _checked(score, information, rho)
    return log_scaled_normal(standardised(s, v + r)) - _log_growth(v, r) / 2


def two_sided_bound(information: ArrayLike, *, rho: ArrayLike, alpha: ArrayLike) -> Floats:
    """How far |S| must be from its mean to be 1/alpha against it: sqrt((V + rho)(ln((V + rho) / rho) + 2 ln(1/alpha))).

    Raises:
        InvalidArgument: As in `two_sided_log_e`, or `alpha` is not between 0 and 1.
    """
    _, v, r = _checked(0.0, information, rho)
    reach: Floats = np.sqrt((v + r) * (_log_growth(v, r) - 2 * np.log(probabilities(alpha, "alpha"))))
    return reach


def one_sided_bound(information: ArrayLike, *, rho: ArrayLike, alpha: ArrayLike) -> Floats:
    """The S at which the one-sided e-value is 1/alpha; arguments and errors as in `two_sided_bound`.

    With u = S / sqrt(V + rho) it solves u**2 / 2 + ln Phi(u) = ln(1/alpha) - 0.5 ln(4 rho / (V + rho)). The left is
    convex and rising, so Newton's steps from the right of the root never overshoot.
    """
    _, v, r = _checked(0.0, information, rho)
    target = _log_growth(v, r) / 2 - np.log(probabilities(alpha, "alpha")) - np.log(2.0)
    u = np.sqrt(2 * np.maximum(target + np.log(2.0), 0.0))
    for _ in range(_NEWTON_STEPS):
        log_phi = special.log_ndtr(u)
        slope = u + np.exp(-(u**2) / 2 - log_phi) / np.sqrt(2 * np.pi)
        u = u - (u**2 / 2 + log_phi - target) / slope
    bounds: Floats = u * np.sqrt(v + r)
    return bounds


@dataclass(frozen=True, slots=True, eq=False)
class MeanSequence:
    """One look of an asymptotic confidence sequence of a difference of means; NaN is "no decision".

    Attributes:
        difference: Treatment minus control, in the metric's unit.
        low: Lower end of the interval.
        high: Upper end of it.
        log_e: Logarithm of the e-value against "no difference".
        lower_bound: What the difference exceeds, one-sided.
    """

    difference: Floats
    low: Floats
    high: Floats
    log_e: Floats
    lower_bound: Floats


def mean_sequence(control: Moments, treatment: Moments, *, alpha: ArrayLike, n_star: ArrayLike) -> MeanSequence:
    """The unstratified confidence sequence of other tools, whose clock is the number of units.

    Right only while the allocation is constant and nothing drifts; decisions use `stratified.py`.
    Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (arXiv 2103.06476), eq. 9, 155 and 161 in the numbering of its v7;
    the paper was not read, the formulas agree with the implementation in gbstats.

    Args:
        control: One arm.
        treatment: The other.
        alpha: Error probability, below 1/2.
        n_star: The number of units of both arms together at which the interval should be tightest.

    Raises:
        InvalidArgument: `alpha` or `n_star` is out of range, or the shapes do not fit.
    """
    _, n_c, n_t = aligned(n_star=positives(n_star, "n_star"), control=control.n, treatment=treatment.n)
    total = np.maximum(n_c + n_t, 1)
    variance = control.variance / np.maximum(n_c, 1) + treatment.variance / np.maximum(n_t, 1)
    error = np.sqrt(np.where(variance > 0, variance, np.nan))
    difference = np.where(n_c * n_t > 0, mean_difference(control, treatment), np.nan)
    rho, rho_one = tuning(n_star, alpha=alpha), tuning(n_star, alpha=alpha, sides=1)
    # S = t sqrt(N) has variance N under "no difference".
    half = error / np.sqrt(total) * two_sided_bound(total, rho=rho, alpha=alpha)
    log_e = 0.5 * np.log(rho / (total + rho)) + standardised(difference, error**2) ** 2 * (total / (2 * (total + rho)))
    growth = (total + rho_one) / total
    strictness = np.log1p(np.sqrt((total + rho_one) / rho_one) / (2 * probabilities(alpha, "alpha")))
    below = error * np.sqrt(2 * growth * strictness)
    return MeanSequence(difference, difference - half, difference + half, log_e, difference - below)


def standardised(score: Floats, variance: Floats) -> Floats:
    """The score in standard deviations, cut off where its square would overflow."""
    with np.errstate(over="ignore"):
        return np.clip(score / np.sqrt(variance), -1e150, 1e150)


def _log_growth(information: Floats, rho: Floats) -> Floats:
    """ln((V + rho) / rho), of any two floats."""
    largest = np.maximum(information, rho)
    growth: Floats = np.log1p(np.minimum(information, rho) / largest) + (np.log(largest) - np.log(rho))
    return growth


def _checked(score: ArrayLike, information: ArrayLike, rho: ArrayLike) -> list[Floats]:
    return aligned(
        score=numbers(score, "score"),
        information=not_negatives(information, "information", largest=_LARGEST),
        rho=positives(rho, "rho", largest=_LARGEST),
    )
