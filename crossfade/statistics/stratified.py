"""Means compared at every look, bucket by bucket of time (M4): a ramp and a drifting baseline do no harm.

Within a bucket the allocation is constant, so that the difference of its means is fair; the buckets' differences are
added with weights n_c n_t / (n_c + n_t). Normal mixture over that sum, variance per arm and never pooled over arms
(asymptotic confidence sequence in the sense of Waudby-Smith et al., arXiv 2103.06476, which was not read).
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from crossfade.errors import InvalidArgument
from crossfade.statistics.accumulators import Counts, Moments, mean_difference
from crossfade.statistics.arguments import (
    Bools,
    Floats,
    Texts,
    aligned,
    direction,
    not_negatives,
    numbers,
    probabilities,
)
from crossfade.statistics.evidence import Status
from crossfade.statistics.mixtures import one_sided_evidence, tuning, two_sided_evidence, two_sided_reach

MINIMUM_TREATMENT = 100
"""No verdict from fewer values of treatment: the sequence is asymptotic (M12)."""
MINIMUM_EVENTS = 30
"""No verdict on conversions with fewer successes, or failures, in an arm: of so few the sum is not normal (M12)."""

_UNLIMITED = np.full(1, np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class StratifiedMeans:
    """What all buckets so far say of each metric: sums, one entry per metric, merged by adding.

    Attributes:
        n_control: Values of control.
        n_treatment: Values of treatment.
        weight: W, the sum of the buckets' weights w = n_c n_t / (n_c + n_t).
        score_control: Sum of w times control's mean.
        score_treatment: Sum of w times treatment's mean.
        score: S, the sum of w times the difference; kept apart, since a difference of the two above loses digits.
        spread_control: B, sum of w**2 / n_c.
        spread_treatment: A, sum of w**2 / n_t.
        m2_control: Sum of squared deviations within buckets.
        m2_treatment: The same of treatment.
        degrees_control: Sum of n - 1 over buckets with values.
        degrees_treatment: The same of treatment.
        successes_control: Of conversions; infinite where the values are not zeros and ones, which need no minimum.
        failures_control: Likewise.
        successes_treatment: The same of treatment.
        failures_treatment: Likewise.
    """

    n_control: Floats
    n_treatment: Floats
    weight: Floats
    score_control: Floats
    score_treatment: Floats
    score: Floats
    spread_control: Floats
    spread_treatment: Floats
    m2_control: Floats
    m2_treatment: Floats
    degrees_control: Floats
    degrees_treatment: Floats
    successes_control: Floats
    failures_control: Floats
    successes_treatment: Floats
    failures_treatment: Floats

    @classmethod
    def of(cls, control: Moments | Counts, treatment: Moments | Counts) -> Self:
        """One bucket of each metric; of conversions give the counts, so that rare ones are known for what they are.

        Raises:
            InvalidArgument: The shapes do not fit.
        """
        n_c, n_t = aligned(control=control.n, treatment=treatment.n)
        events = {**_events(control, n_c.shape, "control"), **_events(treatment, n_c.shape, "treatment")}
        control, treatment = _moments(control), _moments(treatment)
        weight = n_c * (n_t / np.maximum(n_c + n_t, 1))
        return cls(
            n_control=n_c,
            n_treatment=n_t,
            weight=weight,
            score_control=weight * control.mean,
            score_treatment=weight * treatment.mean,
            score=weight * mean_difference(control, treatment),
            spread_control=weight * (weight / np.maximum(n_c, 1)),
            spread_treatment=weight * (weight / np.maximum(n_t, 1)),
            m2_control=np.broadcast_to(control.m2, n_c.shape),
            m2_treatment=np.broadcast_to(treatment.m2, n_c.shape),
            degrees_control=np.maximum(n_c - 1, 0),
            degrees_treatment=np.maximum(n_t - 1, 0),
            **events,
        )

    @classmethod
    def over_buckets(cls, control: Moments | Counts, treatment: Moments | Counts) -> Self:
        """All buckets at once, along the last axis of both arms."""
        each = cls.of(control, treatment)
        return cls(*(np.atleast_1d(getattr(each, field.name).sum(axis=-1)) for field in fields(cls)))

    def __add__(self, other: Self) -> Self:
        """The sums over the buckets of both."""
        return type(self)(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def information(self, control_factor: ArrayLike = 1.0) -> Floats:
        """V, the variance of S (of S_t - factor S_c); NaN where an arm has too few values to know it."""
        known = (self.degrees_control > 0) & (self.degrees_treatment > 0) & (self.weight > 0)
        s2_c = self.m2_control / np.maximum(self.degrees_control, 1)
        s2_t = self.m2_treatment / np.maximum(self.degrees_treatment, 1)
        factor = np.asarray(control_factor, dtype=np.float64)
        return np.where(known, s2_t * self.spread_treatment + factor**2 * s2_c * self.spread_control, np.nan)

    @property
    def has_events(self) -> Bools:
        """Whether no conversion metric has too few successes or failures in an arm; true of all others."""
        arms = (self.successes_control, self.failures_control, self.successes_treatment, self.failures_treatment)
        enough: Bools = np.minimum.reduce(arms) >= MINIMUM_EVENTS
        return enough


@dataclass(frozen=True, slots=True, eq=False)
class SequentialMeans:
    """One look, one entry per metric; NaN is "no decision".

    Attributes:
        difference: S / W, treatment minus control in the metric's unit.
        score: S.
        weight: W.
        information: V.
        log_e: Logarithm of the e-value against "no difference", either way.
        low: Lower end of the interval for the difference, valid at every look.
        high: Upper end of it.
        status: A `Status` each; numbers without `ok` are for show, never for a verdict.
    """

    difference: Floats
    score: Floats
    weight: Floats
    information: Floats
    log_e: Floats
    low: Floats
    high: Floats
    status: Texts


def sequential_means(evidence: StratifiedMeans, *, v_opt: ArrayLike, alpha: ArrayLike = 0.05) -> SequentialMeans:
    """The difference of two means with an interval that holds at all looks together.

    Args:
        evidence: The sums over all buckets of this step.
        v_opt: The V planned for the step's end (`planned_information`), fixed when the step starts.
        alpha: The probability that the interval ever misses the truth.

    Raises:
        InvalidArgument: `v_opt` or `alpha` is out of range, or the shapes do not fit.
    """
    information = evidence.information()
    _, rho = aligned(evidence=information, v_opt=tuning(v_opt, alpha=alpha))
    known = np.where(information > 0, information, np.nan)
    weight = np.where(evidence.weight > 0, evidence.weight, np.nan)
    half = two_sided_reach(known, rho, probabilities(alpha, "alpha")) / weight
    difference = evidence.score / weight
    return SequentialMeans(
        difference=difference,
        score=evidence.score,
        weight=evidence.weight,
        information=information,
        log_e=two_sided_evidence(evidence.score, known, rho),
        low=difference - half,
        high=difference + half,
        status=_status(evidence, information),
    )


def harm_log_e(
    evidence: StratifiedMeans, *, v_opt: ArrayLike, alpha: ArrayLike = 0.05, lower_is_better: ArrayLike = True
) -> Floats:
    """The log e-value against "treatment is not worse"; NaN before a verdict is allowed.

    Args:
        evidence: The sums over all buckets of this step.
        v_opt: As in `sequential_means`.
        alpha: What the mixture is tuned for, below 1/2.
        lower_is_better: Of each metric; true for latency, false for conversions.

    Raises:
        InvalidArgument: `v_opt`, `alpha` or a direction is out of range, or the shapes do not fit.
    """
    sign = direction(lower_is_better)
    return _one_sided(evidence, sign * evidence.score, evidence.information(), v_opt=v_opt, alpha=alpha)


def noninferiority_log_e(
    evidence: StratifiedMeans,
    *,
    margin: ArrayLike,
    relative: bool = True,
    v_opt: ArrayLike,
    alpha: ArrayLike = 0.05,
    lower_is_better: ArrayLike = True,
) -> Floats:
    """The log e-value against "treatment is worse than control by the margin or more"; NaN before a verdict is allowed.

    A relative margin is tested on S_t - (1 +- margin) S_c, whose variance counts control's with that factor squared:
    control's mean is not taken for known (after Fieller 1954).

    Args:
        evidence: The sums over all buckets of this step.
        margin: How much worse is still acceptable, 0 or more: a share of control's mean, or in the metric's unit.
        relative: Whether the margin is a share of control's mean (which must then be positive to make sense).
        v_opt: As in `sequential_means`.
        alpha: What the mixture is tuned for, below 1/2.
        lower_is_better: Of each metric.

    Raises:
        InvalidArgument: An argument is out of range, or the shapes do not fit.
    """
    _, allowed = aligned(evidence=evidence.weight, margin=not_negatives(margin, "margin"))
    sign = direction(lower_is_better)
    if not relative:
        score = allowed * evidence.weight - sign * evidence.score
        return _one_sided(evidence, score, evidence.information(), v_opt=v_opt, alpha=alpha)
    factor = 1 + sign * allowed
    score = allowed * evidence.score_control - sign * evidence.score
    logs = _one_sided(evidence, score, evidence.information(factor), v_opt=v_opt, alpha=alpha)
    return np.where(evidence.score_control > 0, logs, np.nan)


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


def _one_sided(
    evidence: StratifiedMeans, score: Floats, information: Floats, *, v_opt: ArrayLike, alpha: ArrayLike
) -> Floats:
    is_ready = (information > 0) & (evidence.n_treatment >= MINIMUM_TREATMENT) & evidence.has_events
    _, rho = aligned(evidence=score, v_opt=tuning(v_opt, alpha=alpha, sides=1))
    return one_sided_evidence(score, np.where(is_ready, information, np.nan), rho)


def _status(evidence: StratifiedMeans, information: Floats) -> Texts:
    is_ready = (information >= 0) & (evidence.n_treatment >= MINIMUM_TREATMENT)
    enough = np.where(evidence.has_events, Status.OK, Status.TOO_FEW_EVENTS)
    status = np.where(is_ready, enough, Status.INSUFFICIENT_DATA)
    return np.where(information == 0, Status.DEGENERATE_VARIANCE, status)


def _moments(arm: Moments | Counts) -> Moments:
    return arm.moments() if isinstance(arm, Counts) else arm


def _events(arm: Moments | Counts, shape: tuple[int, ...], name: str) -> dict[str, Floats]:
    successes, failures = (arm.successes, arm.failures) if isinstance(arm, Counts) else (_UNLIMITED, _UNLIMITED)
    return {
        f"successes_{name}": np.broadcast_to(successes, shape),
        f"failures_{name}": np.broadcast_to(failures, shape),
    }
