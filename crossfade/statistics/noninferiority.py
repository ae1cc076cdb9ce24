"""Non-inferiority: whether treatment is shown not to be worse than control by a margin or more (M6).

"Not significantly worse" is no evidence of safety and appears nowhere here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from crossfade.errors import InvalidArgument
from crossfade.statistics.accumulators import Counts, Moments, mean_difference, rate_difference
from crossfade.statistics.arguments import (
    Bools,
    Floats,
    Texts,
    aligned,
    direction,
    floats,
    not_negatives,
    probabilities,
)
from crossfade.statistics.evidence import Status, log_p_value, rejects
from crossfade.statistics.means import in_errors, standard_error
from crossfade.statistics.multiple import holm
from crossfade.statistics.tails import log_student, probability

RELATIVE_MARGIN = 0.1
"""The default for latency and conversions: 10 % of control's mean."""
RARE_RATIO_MARGIN = 1.5
"""The default for rare errors: half as many again as control."""


@dataclass(frozen=True, slots=True, eq=False)
class NonInferiority:
    """One test per metric at the planned end; NaN is "no decision".

    Attributes:
        statistic: t or z of "the difference is at the margin", negative in favour of treatment if lower is better,
            positive in favour of it otherwise.
        degrees: Degrees of freedom; infinite for z.
        log_p: Natural logarithm of the one-sided p-value; small means shown to be not inferior.
        p: The p-value, at least 2.2e-308.
        status: A `Status` each.
    """

    statistic: Floats
    degrees: Floats
    log_p: Floats
    p: Floats
    status: Texts


def noninferior_means(
    control: Moments, treatment: Moments, *, margin: ArrayLike, lower_is_better: ArrayLike = True
) -> NonInferiority:
    """Welch's t against "treatment is worse by `margin` or more"; valid only at the planned end.

    Args:
        control: One arm, one entry per metric.
        treatment: The other.
        margin: In the metric's unit, 0 or more.
        lower_is_better: Of each metric.

    Raises:
        InvalidArgument: `margin` is negative, a direction is not true or false, or the shapes do not fit.
    """
    sign, allowed = direction(lower_is_better), not_negatives(margin, "margin")
    sign, allowed, _, _ = aligned(lower_is_better=sign, margin=allowed, control=control.n, treatment=treatment.n)
    error, degrees = standard_error(control, treatment)
    divisor = np.where(error > 0, error, np.nan)
    statistic = in_errors(mean_difference(control, treatment) - sign * allowed, divisor)
    log_p = log_student(sign * statistic, np.where(error > 0, degrees, np.nan))
    undecided = np.where(error == 0, Status.DEGENERATE_VARIANCE, Status.OK)
    status = np.where(np.isnan(error), Status.INSUFFICIENT_DATA, undecided)
    return NonInferiority(statistic, degrees, log_p, probability(log_p), np.broadcast_to(status, log_p.shape))


def noninferior_proportions(
    control: Counts, treatment: Counts, *, margin: ArrayLike, lower_is_better: ArrayLike = True
) -> NonInferiority:
    """Wald's z against "treatment's share is worse by `margin` or more"; valid only at the planned end.

    Unpooled variances; agrees with statsmodels' `test_proportions_2indep(method="wald")`. For rare events decide by
    `rates.sequential_rates`, which is exact.

    Args:
        control: One arm, one entry per metric.
        treatment: The other.
        margin: A difference of shares, from 0 to 1.
        lower_is_better: Of each metric; true for errors, false for conversions.

    Raises:
        InvalidArgument: `margin` is negative, a direction is not true or false, or the shapes do not fit.
    """
    sign, allowed = direction(lower_is_better), not_negatives(margin, "margin")
    sign, allowed, n_c, n_t = aligned(lower_is_better=sign, margin=allowed, control=control.n, treatment=treatment.n)
    variance = _wald_variance(control) + _wald_variance(treatment)
    is_decided = (n_c > 1) & (n_t > 1)
    divisor = np.sqrt(np.where(is_decided & (variance > 0), variance, np.nan))
    statistic = (rate_difference(control, treatment) - sign * allowed) / divisor
    log_p = special.log_ndtr(sign * statistic)
    undecided = np.where(variance > 0, Status.OK, Status.DEGENERATE_VARIANCE)
    status = np.where(is_decided, undecided, Status.INSUFFICIENT_DATA)
    return NonInferiority(
        statistic, np.full(log_p.shape, np.inf), log_p, probability(log_p), np.broadcast_to(status, log_p.shape)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Guardrails:
    """What all guardrails of a step say together.

    Attributes:
        harmed: Of each guardrail, whether harm is shown, all of them counted.
        within: Of each, whether inferiority beyond its margin is excluded.
        log_p_harm: Of each, the logarithm of the always-valid p-value of harm, adjusted for all (Holm); NaN where
            there is no decision.
    """

    harmed: Bools
    within: Bools
    log_p_harm: Floats

    @property
    def shows_harm(self) -> bool:
        """Roll back: one guardrail is enough."""
        return bool(self.harmed.any())

    @property
    def shows_safety(self) -> bool:
        """Advance: every guardrail, and at least one of them."""
        return bool(self.within.all() and self.within.size > 0)


def judge_guardrails(harm_peaks: ArrayLike, noninferiority_peaks: ArrayLike, *, alpha: float = 0.05) -> Guardrails:
    """Roll back on any guardrail at alpha over all of them (Holm), advance only if all hold, each at alpha (M8).

    Advancing needs no correction: it is wrong only if a guardrail that is inferior passes its own test
    (intersection-union, Berger 1982).

    Args:
        harm_peaks: The largest log e-value of harm so far of each guardrail (`evidence.peak`); NaN is "no decision".
        noninferiority_peaks: The same against inferiority beyond the margin.
        alpha: Error probability of either decision.

    Raises:
        InvalidArgument: A peak is not a number, `alpha` is out of range, or the two differ in shape.
    """
    harm, safe = floats(harm_peaks, "harm_peaks"), floats(noninferiority_peaks, "noninferiority_peaks")
    if harm.shape != safe.shape:
        raise InvalidArgument("noninferiority_peaks", "must have the shape of harm_peaks")
    strictness = np.log(probabilities(alpha, "alpha"))
    adjusted = holm(log_p=log_p_value(harm))
    return Guardrails(adjusted <= strictness, rejects(safe, alpha=alpha), adjusted)


def _wald_variance(counted: Counts) -> Floats:
    size = np.maximum(counted.n, 1)
    variance: Floats = (counted.successes / size) * (counted.failures / size) / size
    return variance
