"""Means compared once, at the planned end (M1)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from crossfade.statistics.accumulators import Moments, mean_difference
from crossfade.statistics.arguments import Floats, Texts, aligned, numbers, probabilities
from crossfade.statistics.evidence import Status, share_of
from crossfade.statistics.tails import log_student, probability

VALIDITY = "valid only at the planned end"
"""To be shown beside every result of this module: looked at repeatedly, it raises false alarms."""


@dataclass(frozen=True, slots=True, eq=False)
class Welch:
    """Treatment minus control, one entry per metric; NaN is "no decision".

    Attributes:
        difference: In the metric's unit; NaN where an arm is empty.
        relative: The difference as a share of control's mean; NaN where that is 0.
        error: Standard error of the difference.
        t: Difference (minus `null`) over its standard error.
        degrees: Degrees of freedom after Welch and Satterthwaite.
        log_p: Natural logarithm of the two-sided p-value; right below 1e-300 too.
        p: The p-value, at least 2.2e-308.
        low: Lower end of the interval.
        high: Upper end of it.
        status: A `Status` each.
    """

    difference: Floats
    relative: Floats
    error: Floats
    t: Floats
    degrees: Floats
    log_p: Floats
    p: Floats
    low: Floats
    high: Floats
    status: Texts


def welch(control: Moments, treatment: Moments, *, confidence: ArrayLike = 0.95, null: ArrayLike = 0.0) -> Welch:
    """Welch's t test and interval; `VALIDITY` says when it may be used.

    Welch (1947), degrees of freedom after Satterthwaite (1946); agrees with scipy's `ttest_ind_from_stats`, the
    papers were not read. With fewer than two values in an arm there is no p. Where nothing varies in either arm,
    p is 1 if the difference equals `null` and missing otherwise.

    Args:
        control: One arm, one entry per metric.
        treatment: The other, of a shape that fits.
        confidence: Of the interval, between 0 and 1.
        null: The difference that is tested against.

    Raises:
        InvalidArgument: `confidence` or `null` is out of range, or the shapes do not fit.
    """
    tested = numbers(null, "null")
    level = probabilities(confidence, "confidence")
    n_c, n_t, tested, level = aligned(control=control.n, treatment=treatment.n, null=tested, confidence=level)
    difference = np.where((n_c > 0) & (n_t > 0), mean_difference(control, treatment), np.nan)
    error, degrees = standard_error(control, treatment)
    varies = error > 0
    divisor = np.where(varies, error, 1.0)
    t = np.where(varies, in_errors(difference - tested, divisor), np.nan)
    log_p = np.where(varies, np.log(2.0) + log_student(-np.abs(t), degrees), np.nan)
    is_same = (error == 0) & (difference == tested)
    log_p = np.where(is_same, 0.0, np.minimum(log_p, 0.0))
    # Symmetric, and exact for confidences near 1, where 1 - alpha / 2 loses digits.
    half = np.where(varies, -special.stdtrit(degrees, (1 - level) / 2) * error, np.nan)
    return Welch(
        difference=difference,
        relative=share_of(difference, control.mean),
        error=error,
        t=t,
        degrees=degrees,
        log_p=log_p,
        p=probability(log_p),
        low=difference - half,
        high=difference + half,
        status=_status(error),
    )


def in_errors(difference: Floats, error: Floats) -> Floats:
    """The difference in standard errors, cut off where a float ends."""
    with np.errstate(over="ignore"):
        return np.minimum(np.maximum(difference / error, -1e300), 1e300)


def standard_error(control: Moments, treatment: Moments) -> tuple[Floats, Floats]:
    """The standard error of the difference of two means, and Welch and Satterthwaite's degrees of freedom.

    NaN where an arm has fewer than two values; the degrees are NaN too where nothing varies.
    """
    n_c, n_t = aligned(control=control.n, treatment=treatment.n)
    of_c, of_t = control.variance / np.maximum(n_c, 1), treatment.variance / np.maximum(n_t, 1)
    variance = of_c + of_t
    divisor = np.where(variance > 0, variance, np.nan)
    # In shares of the whole, so that neither tiny nor huge variances under- or overflow when squared.
    share_c, share_t = of_c / divisor, of_t / divisor
    spread = share_c**2 / np.maximum(n_c - 1, 1) + share_t**2 / np.maximum(n_t - 1, 1)
    return np.sqrt(variance), 1 / spread


def _status(error: Floats) -> Texts:
    undecided = np.where(error == 0, Status.DEGENERATE_VARIANCE, Status.OK)
    return np.where(np.isnan(error), Status.INSUFFICIENT_DATA, undecided)
