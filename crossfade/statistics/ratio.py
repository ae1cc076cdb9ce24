"""Ratio metrics of units that have several requests each (M10): the delta method on users, never on requests."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from crossfade.statistics.accumulators import Moments, RatioMoments
from crossfade.statistics.arguments import Floats, Texts, aligned, numbers, probabilities
from crossfade.statistics.evidence import Status, share_of, told_where
from crossfade.statistics.means import in_errors
from crossfade.statistics.tails import log_normal, probability

# Of a larger ratio, or error, no float holds the square.
_LARGEST = 1e150


@dataclass(frozen=True, slots=True, eq=False)
class RatioComparison:
    """Treatment minus control, one entry per metric; NaN is "no decision".

    Attributes:
        ratio_control: Sum of numerators over sum of denominators of control.
        ratio_treatment: The same of treatment.
        error_control: Standard error of control's ratio.
        error_treatment: The same of treatment.
        difference: Of the two ratios.
        error: Standard error of the difference.
        z: Difference over standard error.
        log_p: Natural logarithm of the two-sided p-value.
        p: The p-value, at least 2.2e-308.
        low: Lower end of the interval of the difference.
        high: Upper end of it.
        relative: The difference as a share of control's ratio; NaN where that is 0.
        relative_error: Standard error of that share, control's own error included.
        status: A `Status` each.
    """

    ratio_control: Floats
    ratio_treatment: Floats
    error_control: Floats
    error_treatment: Floats
    difference: Floats
    error: Floats
    z: Floats
    log_p: Floats
    p: Floats
    low: Floats
    high: Floats
    relative: Floats
    relative_error: Floats
    status: Texts


def compare_ratios(control: RatioMoments, treatment: RatioMoments, *, confidence: ArrayLike = 0.95) -> RatioComparison:
    """Compare two ratios of sums; valid only at the planned end.

    Delta method with sample variances (Deng, Knoblich & Lu 2018; not read, agrees with gbstats). For looks at any
    time give `linearised` to `stratified.py`.

    Args:
        control: One arm, users as units, one entry per metric.
        treatment: The other.
        confidence: Of the interval, between 0 and 1.

    Raises:
        InvalidArgument: `confidence` is out of range, or the shapes do not fit.
    """
    level = probabilities(confidence, "confidence")
    aligned(control=control.numerator.n, treatment=treatment.numerator.n, confidence=level)
    ratio_c, variance_c = _estimate(control)
    ratio_t, variance_t = _estimate(treatment)
    difference, error = ratio_t - ratio_c, np.sqrt(variance_c + variance_t)
    divisor = np.where(error > 0, error, np.nan)
    z = in_errors(difference, divisor)
    log_p = np.where((error == 0) & (difference == 0), 0.0, log_normal(z))
    half = -special.ndtri((1 - level) / 2) * divisor
    error_c, error_t = np.sqrt(variance_c), np.sqrt(variance_t)
    undecided = np.where(error == 0, Status.DEGENERATE_VARIANCE, Status.OK)
    return RatioComparison(
        ratio_control=ratio_c,
        ratio_treatment=ratio_t,
        error_control=error_c,
        error_treatment=error_t,
        difference=difference,
        error=error,
        z=z,
        log_p=log_p,
        p=probability(log_p),
        low=difference - half,
        high=difference + half,
        relative=share_of(difference, ratio_c),
        relative_error=_relative_error((ratio_c, error_c), (ratio_t, error_t)),
        status=np.where(np.isnan(error), Status.INSUFFICIENT_DATA, undecided),
    )


def linearised(moments: RatioMoments, *, reference: ArrayLike) -> Moments:
    """The moments of (numerator - reference * denominator) of each unit: a mean per user, for `stratified.py`.

    With control's ratio as reference, the difference of two such means is, to first order, the difference of the ratios
    times the mean denominator (Budylin et al. 2018, linearisation; not read). `reference` must be one number for all
    buckets and both arms, fixed before the step.

    Args:
        moments: One arm.
        reference: The ratio before the step, one per metric.

    Raises:
        InvalidArgument: `reference` is not finite, its shape does not fit, or the mean is beyond what `Moments` hold.
    """
    n, ratio = aligned(n=moments.numerator.n, reference=numbers(reference, "reference"))
    with np.errstate(over="ignore", invalid="ignore"):
        mean = moments.numerator.mean - ratio * moments.denominator.mean
        m2 = moments.numerator.m2 + ratio**2 * moments.denominator.m2 - 2 * ratio * moments.comoment
    return Moments(n, mean, np.maximum(m2, 0.0))


def _relative_error(control: tuple[Floats, Floats], treatment: tuple[Floats, Floats]) -> Floats:
    (ratio_c, error_c), (ratio_t, error_t) = control, treatment
    with np.errstate(over="ignore"):
        error = np.hypot(share_of(error_t, ratio_c), share_of(error_c, ratio_c) * share_of(ratio_t, ratio_c))
    return told_where(np.isfinite(error), error)


def _estimate(moments: RatioMoments) -> tuple[Floats, Floats]:
    """The ratio and the variance of it; NaN where there is no denominator, fewer than two units, or no float."""
    n, below = moments.numerator.n, moments.denominator.mean
    ratio = share_of(moments.numerator.mean, below)
    ratio = told_where(np.abs(ratio) <= _LARGEST, ratio)
    with np.errstate(over="ignore", invalid="ignore"):
        spread = moments.numerator.m2 + ratio**2 * moments.denominator.m2 - 2 * ratio * moments.comoment
    error = share_of(np.sqrt(np.maximum(spread, 0.0) / np.maximum(n - 1, 1) / np.maximum(n, 1)), below)
    return ratio, told_where((n > 1) & (np.abs(error) <= _LARGEST), error) ** 2
