"""Proportions compared once, at the planned end (M2): pooled z, Newcombe's interval, Fisher, Mantel-Haenszel."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from crossfade.statistics.accumulators import Counts, rate_difference
from crossfade.statistics.arguments import Bools, Floats, Texts, aligned, fit, probabilities
from crossfade.statistics.evidence import Status
from crossfade.statistics.exact import cross_difference
from crossfade.statistics.tails import SMALLEST, log_chi_square, log_normal, probability

MINIMUM_EXPECTED = 5
"""Fisher's exact test decides while an expected cell of the table is below this."""
_NEGLIGIBLE = 300
_LARGEST = 2.0**53
# Tables whose chances differ by less are taken for equally likely, as R does.
_TIE = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class TwoProportions:
    """Treatment minus control, one entry per metric; NaN is "no decision".

    Attributes:
        difference: Of the two shares, from -1 to 1; NaN where an arm is empty.
        relative: The difference as a share of control's; NaN where that is 0.
        z: Pooled z; 0 where nothing or everything is a success.
        log_p: Natural logarithm of the two-sided p-value of z.
        p: That p-value, at least 2.2e-308.
        p_greater: One-sided p-value of "treatment's share is the greater".
        exact_p: Fisher's two-sided p-value where an expected cell is below 5, else NaN, as it is with more
            than 2**53 trials in both arms.
        low: Lower end of Newcombe's interval.
        high: Upper end of it.
        status: A `Status` each.
    """

    difference: Floats
    relative: Floats
    z: Floats
    log_p: Floats
    p: Floats
    p_greater: Floats
    exact_p: Floats
    low: Floats
    high: Floats
    status: Texts

    @property
    def reported_p(self) -> Floats:
        """Fisher's p-value where the counts are small, else that of z."""
        return np.where(np.isnan(self.exact_p), self.p, self.exact_p)


def two_proportions(control: Counts, treatment: Counts, *, confidence: ArrayLike = 0.95) -> TwoProportions:
    """Compare two shares; valid only at the planned end.

    Pooled z; interval by Newcombe (1998), method 10, from two Wilson score intervals; Fisher (1935). The papers were
    not read; the numbers agree with statsmodels (`proportions_ztest`, `confint_proportions_2indep`) and scipy.

    Args:
        control: One arm, one entry per metric.
        treatment: The other, of a shape that fits.
        confidence: Of the interval, between 0 and 1.

    Raises:
        InvalidArgument: `confidence` is out of range, or the shapes do not fit.
    """
    level = probabilities(confidence, "confidence")
    n_c, n_t, level = aligned(control=control.n, treatment=treatment.n, confidence=level)
    difference = rate_difference(control, treatment)
    total = np.maximum(n_c + n_t, 1)
    successes, failures = control.successes + treatment.successes, control.failures + treatment.failures
    variance = (successes / total) * (failures / total) * (1 / np.maximum(n_c, 1) + 1 / np.maximum(n_t, 1))
    z = np.where(variance > 0, difference / np.sqrt(np.where(variance > 0, variance, 1.0)), difference)
    is_decided = (n_c > 1) & (n_t > 1)
    z = np.where(is_decided, z, np.nan)
    low, high = _newcombe(control, treatment, difference, level)
    log_p = log_normal(z)
    return TwoProportions(
        difference=difference,
        relative=difference / np.where(control.successes > 0, control.rate, np.nan),
        z=z,
        log_p=log_p,
        p=probability(log_p),
        p_greater=probability(special.log_ndtr(-z)),
        exact_p=_fisher(control, treatment, is_decided),
        low=low,
        high=high,
        status=np.where(is_decided, Status.OK, Status.INSUFFICIENT_DATA),
    )


def wilson(counted: Counts, *, confidence: ArrayLike = 0.95) -> tuple[Floats, Floats]:
    """Wilson's score interval (1927) of a share, lower and upper end; 0 and 1 without trials.

    Raises:
        InvalidArgument: `confidence` is out of range, or the shapes do not fit.
    """
    n, level = aligned(n=counted.n, confidence=probabilities(confidence, "confidence"))
    share, (below, above) = counted.successes / np.maximum(n, 1), _reaches(counted, level)
    return np.where(counted.successes == 0, 0.0, share - below), np.where(counted.failures == 0, 1.0, share + above)


def _reaches(counted: Counts, confidence: Floats) -> tuple[Floats, Floats]:
    """How far Wilson's interval reaches below the share and above it: near 0 and 1 no digit is lost."""
    size = np.maximum(counted.n, 1)
    squared = special.ndtri((1 - confidence) / 2) ** 2 / size
    pull = squared * ((counted.failures - counted.successes) / size) / 2
    half = np.sqrt(squared * (counted.successes / size) * (counted.failures / size) + squared**2 / 4)
    below = np.where(counted.successes == 0, 0.0, (half - pull) / (1 + squared))
    return below, np.where(counted.failures == 0, 0.0, (half + pull) / (1 + squared))


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """What a Mantel-Haenszel test keeps of all 2 x 2 tables so far: sums, one entry per metric, merged by adding.

    Attributes:
        variance: Hypergeometric variance of treatment's successes, given the margins.
        weight: Sum of n_c n_t / n.
        difference: Sum of that weight times the difference of the shares, which is also by how much treatment's
            successes exceed what is expected of them, given the margins.
        r: Sum of R = x_t f_c / n (f: failures).
        s: Sum of S = x_c f_t / n.
        pr: Sum of P R, with P = (x_t + f_c) / n.
        ps_qr: Sum of P S + Q R, with Q = 1 - P.
        qs: Sum of Q S.
    """

    variance: Floats
    weight: Floats
    difference: Floats
    r: Floats
    s: Floats
    pr: Floats
    ps_qr: Floats
    qs: Floats

    @classmethod
    def of(cls, control: Counts, treatment: Counts) -> Self:
        """One bucket of each metric; a bucket in which an arm is empty says nothing.

        Raises:
            InvalidArgument: The shapes do not fit.
        """
        n_c, n_t = aligned(control=control.n, treatment=treatment.n)
        x_c, x_t, f_c, f_t = control.successes, treatment.successes, control.failures, treatment.failures
        total = np.maximum(n_c + n_t, 1)
        concordant, discordant = (x_t + f_c) / total, (x_c + f_t) / total
        weight, r, s = n_c * (n_t / total), x_t * (f_c / total), x_c * (f_t / total)
        return cls(
            variance=weight * ((x_c + x_t) / total) * ((f_c + f_t) / np.maximum(total - 1, 1)),
            weight=weight,
            difference=cross_difference(x_t, n_c, x_c, n_t) / total,
            r=r,
            s=s,
            pr=concordant * r,
            ps_qr=concordant * s + discordant * r,
            qs=discordant * s,
        )

    @classmethod
    def over_buckets(cls, control: Counts, treatment: Counts) -> Self:
        """All buckets at once, along the last axis of both arms."""
        each = cls.of(control, treatment)
        return cls(*(np.atleast_1d(getattr(each, field.name).sum(axis=-1)) for field in fields(cls)))

    def __add__(self, other: Self) -> Self:
        """The sums over the buckets of both."""
        fit(self.weight, other.weight)
        return type(self)(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class MantelHaenszel:
    """Both arms compared within buckets, one entry per metric; NaN is "no decision".

    Attributes:
        statistic: Cochran, Mantel and Haenszel's chi-square, one degree of freedom, no continuity correction.
        log_p: Natural logarithm of its p-value.
        p: The p-value, at least 2.2e-308.
        difference: Common difference of the shares, treatment minus control.
        odds_ratio: Common odds ratio; NaN without discordant pairs, infinite when only treatment has some.
        low: Lower end of the interval of the odds ratio.
        high: Upper end of it.
        status: A `Status` each.
    """

    statistic: Floats
    log_p: Floats
    p: Floats
    difference: Floats
    odds_ratio: Floats
    low: Floats
    high: Floats
    status: Texts


def mantel_haenszel(strata: Strata, *, confidence: ArrayLike = 0.95) -> MantelHaenszel:
    """Compare two shares bucket by bucket, so that neither ramp nor drift misleads; valid only at the planned end.

    Cochran (1954), Mantel & Haenszel (1959); interval of the odds ratio by Robins, Breslow & Greenland (1986). The
    papers were not read; the numbers agree with statsmodels' `StratifiedTable`. Without any success or any failure p
    is 1.

    Raises:
        InvalidArgument: `confidence` is not between 0 and 1.
    """
    level = probabilities(confidence, "confidence")
    has_weight, varies = strata.weight > 0, strata.variance > 0
    statistic = np.where(varies, strata.difference**2 / np.where(varies, strata.variance, 1.0), 0.0)
    statistic = np.where(has_weight, statistic, np.nan)
    log_p = log_chi_square(statistic, np.ones_like(statistic))
    ratio, low, high = _odds(strata, level)
    return MantelHaenszel(
        statistic=statistic,
        log_p=log_p,
        p=probability(log_p),
        difference=strata.difference / np.where(has_weight, strata.weight, np.nan),
        odds_ratio=ratio,
        low=low,
        high=high,
        status=np.where(has_weight, Status.OK, Status.INSUFFICIENT_DATA),
    )


def _odds(strata: Strata, confidence: Floats) -> tuple[Floats, Floats, Floats]:
    is_finite, is_known = strata.s > 0, (strata.r > 0) & (strata.s > 0)
    r, s = np.where(is_known, strata.r, np.nan), np.where(is_known, strata.s, np.nan)
    variance = strata.pr / (2 * r**2) + strata.ps_qr / (2 * r * s) + strata.qs / (2 * s**2)
    half = -special.ndtri((1 - confidence) / 2) * np.sqrt(variance)
    ratio = np.where(is_finite, strata.r / np.where(is_finite, strata.s, 1.0), np.inf)
    ratio = np.where(is_finite | (strata.r > 0), ratio, np.nan)
    return ratio, r / s * np.exp(-half), r / s * np.exp(half)


def _newcombe(control: Counts, treatment: Counts, difference: Floats, confidence: Floats) -> tuple[Floats, Floats]:
    below_c, above_c = _reaches(control, confidence)
    below_t, above_t = _reaches(treatment, confidence)
    return difference - np.hypot(below_t, above_c), difference + np.hypot(above_t, below_c)


def _fisher(control: Counts, treatment: Counts, is_decided: Bools) -> Floats:
    n_c, n_t, x_c, x_t = np.broadcast_arrays(control.n, treatment.n, control.successes, treatment.successes)
    successes, total = x_c + x_t, np.maximum(n_c + n_t, 1)
    smallest = np.minimum(n_c, n_t) * (np.minimum(successes, total - successes) / total)
    # Beyond that a float no longer tells the whole from the whole and one.
    is_decided = is_decided & (total <= _LARGEST)
    small = is_decided & np.broadcast_to(smallest < MINIMUM_EXPECTED, is_decided.shape)
    exact = np.full(small.shape, np.nan)
    for at in np.argwhere(small):
        cell = tuple(at)
        exact[cell] = _fisher_p(float(n_c[cell]), float(x_c[cell]), float(n_t[cell]), float(x_t[cell]))
    return exact


def _fisher_p(n_c: float, x_c: float, n_t: float, x_t: float) -> float:
    """Fisher's two-sided p of one table: all tables that are at most as likely as this one, together.

    The smallest margins are taken, so that their common cell runs from 0, with an expectation below 5: 300 counts
    further its probability is below 1e-300. Ratios of neighbours are summed, no large logarithms subtracted.
    """
    first, second = ((n_t, (x_t, n_t - x_t)), (n_c, (x_c, n_c - x_c)))
    row, cells = min(first, second)
    total, successes = n_c + n_t, x_c + x_t
    is_success = successes <= total - successes
    column, observed = (successes, cells[0]) if is_success else (total - successes, cells[1])
    k = np.arange(min(row, column, observed + _NEGLIGIBLE))
    ratios = (row - k) / (k + 1) * ((column - k) / (total - row - column + k + 1))
    logs = np.concatenate([[0.0], np.cumsum(np.log(ratios))])
    chances = np.exp(logs - logs.max())
    is_as_rare = logs <= logs[int(observed)] + _TIE
    return max(min(float(chances[is_as_rare].sum() / chances.sum()), 1.0), SMALLEST)
