"""Means compared at every look, from what is kept of the buckets (M4).

Normal mixture over the weighted sum of differences: an asymptotic confidence sequence in the sense of Waudby-Smith et
al. (arXiv 2103.06476, which was not read).
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from crossfade.errors import InvalidArgument
from crossfade.statistics.accumulators import Moments
from crossfade.statistics.arguments import (
    Bools,
    Floats,
    Texts,
    aligned,
    direction,
    not_negatives,
    numbers,
    positives,
    probabilities,
)
from crossfade.statistics.evidence import Status, statuses, told_where
from crossfade.statistics.mixtures import standardised, tuning
from crossfade.statistics.stratified import StratifiedMeans
from crossfade.statistics.tails import log_scaled_normal

MINIMUM_TREATMENT = 100
"""No verdict from fewer values of treatment: the sequence is asymptotic (M12)."""


@dataclass(frozen=True, slots=True, eq=False)
class MeanDesign:
    """What is asked of means, fixed when the step starts; one entry per metric, or one for all. Made by `of`.

    Attributes:
        sign: 1 where lower is better, -1 where higher is.
        margin: How much worse is still acceptable.
        is_relative: Whether `margin` is a share of control's mean.
        strictness: 2 ln(1/alpha), of the interval.
        rho: The mixture's parameter, first axis: for a difference either way, for harm, for no inferiority.
    """

    sign: Floats
    margin: Floats
    is_relative: bool
    strictness: Floats
    rho: Floats

    @classmethod
    def of(
        cls,
        v_opt: ArrayLike,
        *,
        margin: ArrayLike = 0.1,
        relative: bool = True,
        alpha: ArrayLike = 0.05,
        lower_is_better: ArrayLike = True,
    ) -> Self:
        """The design behind a plan.

        Args:
            v_opt: The V planned for the step's end, above 0 (`planned_information`).
            margin: 0 or more: a share of control's mean, or in the metric's unit.
            relative: Whether it is a share of control's mean (which must then be positive to make sense).
            alpha: The probability that the interval ever misses the truth, below 1/2; what the mixtures are tuned for.
            lower_is_better: Of each metric; true for latency, false for conversions.

        Raises:
            InvalidArgument: An argument is out of range, or the shapes do not fit.
        """
        planned, allowed, error, sign = aligned(
            v_opt=positives(v_opt, "v_opt"),
            margin=not_negatives(margin, "margin"),
            alpha=probabilities(alpha, "alpha"),
            lower_is_better=direction(lower_is_better),
        )
        one_sided = tuning(planned, alpha=error, sides=1)
        rho = np.stack([tuning(planned, alpha=error), one_sided, one_sided])
        return cls(sign, allowed, relative, -2 * np.log(error), rho)


@dataclass(frozen=True, slots=True, eq=False)
class SequentialMeans:
    """One look, one entry per metric; NaN is "no decision".

    Attributes:
        difference: S / W, treatment minus control in the metric's unit.
        score: S.
        weight: W.
        information: V.
        log_e: Logarithm of the e-value against "no difference", either way.
        log_e_harm: The same against "treatment is not worse"; NaN before a verdict is allowed.
        log_e_noninferior: The same against "treatment is worse by the margin or more"; likewise.
        low: Lower end of the interval for the difference, valid at every look.
        high: Upper end of it.
        status: A `Status` each; numbers without `ok` are for show, never for a verdict.
    """

    difference: Floats
    score: Floats
    weight: Floats
    information: Floats
    log_e: Floats
    log_e_harm: Floats
    log_e_noninferior: Floats
    low: Floats
    high: Floats
    status: Texts


def sequential_means(evidence: StratifiedMeans, design: MeanDesign) -> SequentialMeans:
    """The difference of two means with an interval, evidence of harm, and evidence of no inferiority.

    Args:
        evidence: The sums over all buckets of this step.
        design: What is asked of them.

    Raises:
        InvalidArgument: The shapes of the two do not fit.
    """
    of_control, of_treatment = evidence.variances()
    information = of_control + of_treatment
    is_ready, status = _readiness(evidence, information)
    tests = _three_tests(evidence, design, (of_control, of_treatment), is_ready)
    sizes, growth = tests.information + tests.rho, np.log1p(tests.information / tests.rho)
    z = standardised(tests.score, sizes)
    log_e = np.concatenate([z[:1] ** 2 / 2, log_scaled_normal(z[1:])]) - growth / 2
    weight = told_where(evidence.weight > 0, evidence.weight)
    difference = tests.score[0] / weight
    half = np.sqrt(sizes[0] * (growth[0] + design.strictness)) / weight
    return SequentialMeans(
        difference=difference,
        score=evidence.score,
        weight=evidence.weight,
        information=information,
        log_e=log_e[0],
        log_e_harm=log_e[1],
        log_e_noninferior=log_e[2],
        low=difference - half,
        high=difference + half,
        status=status,
    )


def planned_information(control: Moments, *, n_control: ArrayLike, n_treatment: ArrayLike) -> Floats:
    """The V to expect at a step's end, for `v_opt`: as if treatment varied like control.

    Args:
        control: What is known of the metric before the step, at least two values that differ.
        n_control: Values of control to expect in the step, above 0.
        n_treatment: Values of treatment to expect.

    Raises:
        InvalidArgument: `control` does not vary, a number is not above 0, or the shapes do not fit.
    """
    if not bool(np.all(control.variance > 0)):
        raise InvalidArgument("control", "must hold at least two values that differ")
    n_c, n_t = numbers(n_control, "n_control"), numbers(n_treatment, "n_treatment")
    for name, given in (("n_control", n_c), ("n_treatment", n_t)):
        if not bool(np.all(given > 0)):
            raise InvalidArgument(name, "must be above 0")
    variance, n_c, n_t = aligned(control=control.variance, n_control=n_c, n_treatment=n_t)
    return variance * n_c * (n_t / (n_c + n_t))


class _Tests(NamedTuple):
    """What the tests of a look are made of, in the order of `MeanDesign.rho`; NaN where nothing may be said."""

    score: Floats
    information: Floats
    rho: Floats


def _three_tests(
    evidence: StratifiedMeans, design: MeanDesign, variances: tuple[Floats, Floats], is_ready: Bools
) -> _Tests:
    """Either way, harm, no inferiority.

    A relative margin is tested on S_t - (1 +- margin) S_c, whose variance counts control's with that factor squared:
    control's mean is not taken for known (after Fieller 1954).
    """
    try:
        shape = np.broadcast(evidence.weight, design.margin).shape
    except ValueError:
        raise InvalidArgument("design", "must have a shape that fits evidence") from None
    of_control, of_treatment = variances
    information = of_control + of_treatment
    scores, informations = np.empty((3, *shape)), np.empty((3, *shape))
    scores[0], informations[0] = evidence.score, told_where(information > 0, information)
    scores[1], informations[1] = design.sign * evidence.score, told_where(is_ready, information)
    base = evidence.weight
    if design.is_relative:
        base = evidence.score_control
        is_ready = is_ready & (base > 0)
        information = of_control * (1 + design.sign * design.margin) ** 2 + of_treatment
    scores[2], informations[2] = design.margin * base - scores[1], told_where(is_ready, information)
    missing = (1,) * (len(shape) - design.margin.ndim)
    return _Tests(scores, informations, design.rho.reshape(3, *missing, *design.margin.shape))


def _readiness(evidence: StratifiedMeans, information: Floats) -> tuple[Bools, Texts]:
    """Where a verdict is allowed, and why not where it is not."""
    has_treatment, has_events = evidence.n_treatment >= MINIMUM_TREATMENT, evidence.has_events
    is_ready = (information > 0) & has_treatment & has_events
    if is_ready.all():
        return is_ready, statuses(is_ready.shape)
    status = statuses(
        information.shape,
        (~has_events, Status.TOO_FEW_EVENTS),
        (~(has_treatment & (information >= 0)), Status.INSUFFICIENT_DATA),
        (information == 0, Status.DEGENERATE_VARIANCE),
    )
    return is_ready, status
