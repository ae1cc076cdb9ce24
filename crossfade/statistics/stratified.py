"""What is kept of means that are compared bucket by bucket of time (M4): a ramp and a drifting baseline do no harm.

Within a bucket the allocation is constant, so that the difference of its means is fair; the buckets' differences are
added with weights n_c n_t / (n_c + n_t). The variance is kept per arm and never pooled over arms.
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from crossfade.statistics.accumulators import Counts, Moments, mean_difference
from crossfade.statistics.arguments import Bools, Floats, aligned, fit
from crossfade.statistics.evidence import told_where

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
        """One bucket of each metric.

        Of conversions give the counts: moments of zeros and ones are taken for values of any kind, which need no
        minimum of events, and rare ones then raise far too many alarms.

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
        fit(self.n_control, other.n_control)
        return type(self)(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def variances(self) -> tuple[Floats, Floats]:
        """The variance of control's part of S and of treatment's; NaN where one arm has too few values to know it."""
        known = np.minimum(np.minimum(self.degrees_control, self.degrees_treatment), self.weight) > 0
        s2_c = self.m2_control / np.maximum(self.degrees_control, 1)
        s2_t = self.m2_treatment / np.maximum(self.degrees_treatment, 1)
        return s2_c * self.spread_control, told_where(known, s2_t * self.spread_treatment)

    def information(self) -> Floats:
        """V, the variance of S; NaN where an arm has too few values to know it."""
        of_control, of_treatment = self.variances()
        return of_control + of_treatment

    @property
    def has_events(self) -> Bools:
        """Whether no conversion metric has too few successes or failures in an arm; true of all others."""
        of_control = np.minimum(self.successes_control, self.failures_control)
        of_treatment = np.minimum(self.successes_treatment, self.failures_treatment)
        enough: Bools = np.minimum(of_control, of_treatment) >= MINIMUM_EVENTS
        return enough


def _moments(arm: Moments | Counts) -> Moments:
    if isinstance(arm, Moments):
        return arm
    size = np.maximum(arm.n, 1)
    return Moments(arm.n, arm.successes / size, arm.successes * (arm.failures / size))


def _events(arm: Moments | Counts, shape: tuple[int, ...], name: str) -> dict[str, Floats]:
    successes, failures = (arm.successes, arm.failures) if isinstance(arm, Counts) else (_UNLIMITED, _UNLIMITED)
    return {
        f"successes_{name}": np.broadcast_to(successes, shape),
        f"failures_{name}": np.broadcast_to(failures, shape),
    }
