"""Crossfade's judges on simulated ramps: one entry per run, look after look, as the product uses them.

`report` goes on over the whole ramp at alpha. `gate` starts afresh at each step with its part of alpha: what
decides in the product. Either says harm, a difference in any direction, or that there is no harm beyond the margin.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from types import EllipsisType
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.ramps.observations import Clusters, Counts, Means, Rates, Ratio, Sums
from benchmarks.ramps.schedule import Schedule
from crossfade.statistics import accumulators
from crossfade.statistics.accumulators import Moments, RatioMoments
from crossfade.statistics.evidence import rejects
from crossfade.statistics.priors import ANY_HARM, SMALL_HARM, HarmPrior
from crossfade.statistics.rates import RateDesign, RateEvidence, sequential_rates
from crossfade.statistics.ratio import linearised
from crossfade.statistics.sequential_means import MeanDesign, planned_information, sequential_means
from crossfade.statistics.stratified import StratifiedMeans

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a judge says of each run, shape (runs,), or at each look, shape (looks, runs).

    Attributes:
        harm: Candidate is worse.
        differs: The interval excludes "no difference", in either direction.
        safe: Candidate is not worse by the margin or more.
    """

    harm: Bools
    differs: Bools
    safe: Bools

    @classmethod
    def stacked(cls, looks: list[Self]) -> Self:
        """The verdicts of all looks."""
        return cls(*(np.stack([getattr(each, name) for each in looks]) for name in ("harm", "differs", "safe")))


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts of both processes over the same data."""

    report: Verdicts
    gate: Verdicts


class Evidence(Protocol):
    """What merges by adding."""

    def __add__(self, other: Self) -> Self:
        """The evidence of both."""
        ...


E = TypeVar("E", bound=Evidence)


def judge_rates(rates: Rates, schedule: Schedule, *, margin: float = 1.5) -> Judged:
    """Judge a rate by the exact conditional mixture (M3), a look being a bucket.

    Steps expect any harm, the whole ramp a small one.
    """
    design = RateDesign.of(margin=margin)
    looks = (
        RateEvidence.of(_counts(rates.control, look), _counts(rates.candidate, look), design=design)
        for look in range(schedule.looks)
    )

    def say(evidence: RateEvidence, alpha: float, prior: HarmPrior = ANY_HARM) -> Verdicts:
        said = sequential_rates(evidence, alpha=alpha, prior=prior)
        return Verdicts(
            harm=rejects(said.log_e_harm, alpha=alpha),
            differs=(said.low > 1) | (said.high < 1),
            safe=rejects(said.log_e_noninferior, alpha=alpha),
        )

    return _judged(looks, schedule, report=partial(say, prior=SMALL_HARM), gates=[say] * len(schedule.percentages))


def judge_means(means: Means, schedule: Schedule, *, before: Sums, margin: float = 0.1) -> Judged:
    """Judge a mean, the lower the better, by the stratified normal mixture (M4), a look being a bucket.

    Args:
        means: What the looks see.
        schedule: The ramp, from which the information at the end is planned.
        before: Values of control before the ramp, shape (runs,).
        margin: How much worse candidate may be, relative to control.
    """
    looks = (
        StratifiedMeans.of(_moments(means.control, look), _moments(means.candidate, look))
        for look in range(schedule.looks)
    )
    control = Moments.from_sums(before.n, before.total, before.squares)
    planned = _planned(control, schedule, units=float(means.control.n[0, 0] + means.candidate.n[0, 0]))
    return _judged_means(looks, schedule, planned, np.full(before.n.shape, margin), relative=True)


def judge_users(clusters: Clusters, schedule: Schedule, *, margin: float = 0.1) -> Judged:
    """Judge errors per request with users as units: linearised (M10), then as a mean (M4)."""
    before = _ratio(clusters.before, ...)
    reference = before.numerator.mean / before.denominator.mean
    looks = (
        StratifiedMeans.of(
            linearised(_ratio(clusters.control, look), reference=reference),
            linearised(_ratio(clusters.candidate, look), reference=reference),
        )
        for look in range(schedule.looks)
    )
    units = float(clusters.control.n[0, 0] + clusters.candidate.n[0, 0])
    planned = _planned(linearised(before, reference=reference), schedule, units=units)
    return _judged_means(looks, schedule, planned, margin * before.numerator.mean, relative=False)


def _judged_means(
    looks: Iterable[StratifiedMeans], schedule: Schedule, planned: list[Floats], margin: Floats, *, relative: bool
) -> Judged:
    def judge(v_opt: Floats) -> Callable[[StratifiedMeans, float], Verdicts]:
        return lambda seen, alpha: _say_of_means(
            seen, MeanDesign.of(v_opt, margin=margin, relative=relative, alpha=alpha), alpha
        )

    whole = np.sum(planned, axis=0)
    return _judged(looks, schedule, report=judge(whole), gates=[judge(v_opt) for v_opt in planned])


def _say_of_means(evidence: StratifiedMeans, design: MeanDesign, alpha: float) -> Verdicts:
    said = sequential_means(evidence, design)
    return Verdicts(
        harm=rejects(said.log_e_harm, alpha=alpha),
        differs=((said.low > 0) | (said.high < 0)) & (said.status == "ok"),
        safe=rejects(said.log_e_noninferior, alpha=alpha),
    )


def _judged(
    looks: Iterable[E],
    schedule: Schedule,
    *,
    report: Callable[[E, float], Verdicts],
    gates: list[Callable[[E, float], Verdicts]],
) -> Judged:
    part = ALPHA / len(schedule.percentages)
    said: list[tuple[Verdicts, Verdicts]] = []
    whole: E | None = None
    step: E | None = None
    for look, evidence in enumerate(looks):
        whole = evidence if whole is None else whole + evidence
        step = evidence if step is None or schedule.starts(look) else step + evidence
        said.append((report(whole, ALPHA), gates[schedule.steps[look]](step, part)))
    return Judged(*(Verdicts.stacked(list(verdicts)) for verdicts in zip(*said, strict=True)))


def _planned(control: Moments, schedule: Schedule, *, units: float) -> list[Floats]:
    """The information to expect of each step, from control's values before the ramp."""
    shares, lengths = np.asarray(schedule.percentages) / 100, np.bincount(schedule.steps)
    return [
        planned_information(control, n_control=units * length * (1 - share), n_treatment=units * length * share)
        for share, length in zip(shares, lengths, strict=True)
    ]


def _counts(counts: Counts, look: int) -> accumulators.Counts:
    return accumulators.Counts(counts.n[look], counts.x[look])


def _ratio(ratio: Ratio, look: int | EllipsisType) -> RatioMoments:
    return RatioMoments.from_sums(
        ratio.n[look],
        num=ratio.numerator[look],
        num2=ratio.numerator_squares[look],
        den=ratio.denominator[look],
        den2=ratio.denominator_squares[look],
        product=ratio.product[look],
    )


def _moments(sums: Sums, look: int) -> Moments:
    return Moments.from_sums(sums.n[look], sums.total[look], sums.squares[look])
