"""Rates and counts compared at every look, exactly, bucket by bucket of time (M3).

Given how many events both arms had together in a bucket, treatment's share of them depends on the ratio r of the two
rates and on the allocation only: whatever the baseline does, it cancels. The likelihood of r is therefore
`log L(r) = sum_k [x_tk ln r - (x_ck + x_tk) ln(r n_tk + n_ck)]`, and a mixture of likelihood ratios is evidence that
may be looked at at any time (Lindon & Malek 2022, of which the abstract was read; Turner & Gruenwald 2023, likewise).
Exact for Poisson counts, conservative for shares, the more the more frequent: above 10 % means are better (M4).
"""

from dataclasses import dataclass, field, fields
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from crossfade.errors import InvalidArgument
from crossfade.statistics.accumulators import Counts
from crossfade.statistics.arguments import Floats, Integers, aligned, positives, probabilities
from crossfade.statistics.priors import ANY_HARM, AROUND, PRIOR_SPREAD, STEPS, HarmPrior, log_normal_weights

_INTERVAL_WEIGHTS = log_normal_weights(AROUND, PRIOR_SPREAD)
_NEGLIGIBLE = -700.0
_HARM = slice(0, len(STEPS))
_SAFE = slice(len(STEPS), 2 * len(STEPS))
_NULL, _MARGIN = 2 * len(STEPS), 2 * len(STEPS) + 1
_BOTH = slice(2 * len(STEPS) + 2, None)


@dataclass(frozen=True, slots=True, eq=False)
class RateDesign:
    """Which ratios of rates are asked about, fixed when the step starts; one entry per metric, or one for all.

    Attributes:
        null_ratio: Harm is a ratio above this.
        margin: Treatment counts as not inferior when the ratio is shown to be below this.
        log_ratios: The grid, first axis: 60 above `null_ratio`, 60 below `margin`, those two, 121 around 1.

    Raises:
        InvalidArgument: A ratio is not above 0, or the shapes do not fit.
    """

    null_ratio: Floats
    margin: Floats
    log_ratios: Floats = field(init=False)

    def __post_init__(self) -> None:
        null, margin = aligned(
            null_ratio=positives(self.null_ratio, "null_ratio"), margin=positives(self.margin, "margin")
        )
        null_log, margin_log, steps = np.log(null), np.log(margin), _upright(STEPS, null)
        both = np.broadcast_to(_upright(AROUND, null), (len(AROUND), *null.shape))
        grid = np.concatenate([null_log + steps, margin_log - steps, null_log[None], margin_log[None], both])
        object.__setattr__(self, "null_ratio", null)
        object.__setattr__(self, "margin", margin)
        object.__setattr__(self, "log_ratios", grid)

    @classmethod
    def of(cls, null_ratio: ArrayLike = 1.0, margin: ArrayLike = 1.5) -> Self:
        """The design, given as anything that is an array."""
        return cls(positives(null_ratio, "null_ratio"), positives(margin, "margin"))


@dataclass(frozen=True, slots=True, eq=False)
class RateEvidence:
    """What all buckets so far say of each metric, merged by adding.

    Attributes:
        log_likelihood: log L(r) - log L(1) on the design's grid, first axis.
        n_control: Trials of control.
        x_control: Events of control.
        n_treatment: Trials of treatment.
        x_treatment: Events of treatment.
        above: Mantel and Haenszel's sum of x_t n_c / (n_c + n_t).
        below: The sum of x_c n_t / (n_c + n_t).
    """

    log_likelihood: Floats
    n_control: Floats
    x_control: Floats
    n_treatment: Floats
    x_treatment: Floats
    above: Floats
    below: Floats

    @classmethod
    def of(cls, control: Counts, treatment: Counts, *, design: RateDesign) -> Self:
        """One bucket of each metric.

        Raises:
            InvalidArgument: The shapes do not fit.
        """
        n_c, n_t, _ = aligned(control=control.n, treatment=treatment.n, design=design.null_ratio)
        x_c, x_t = np.broadcast_to(control.successes, n_c.shape), np.broadcast_to(treatment.successes, n_c.shape)
        share = n_t / np.maximum(n_c + n_t, 1)
        return cls(
            log_likelihood=log_likelihoods(x_c, x_t, share, design.log_ratios),
            n_control=n_c,
            x_control=x_c,
            n_treatment=n_t,
            x_treatment=x_t,
            above=x_t * (1 - share),
            below=x_c * share,
        )

    @classmethod
    def over_buckets(cls, control: Counts, treatment: Counts, *, design: RateDesign) -> Self:
        """All buckets at once, along the last axis of both arms; folded one by one, so that memory stays small."""
        n_c, n_t = aligned(control=control.n, treatment=treatment.n)
        x_c, x_t = np.broadcast_to(control.successes, n_c.shape), np.broadcast_to(treatment.successes, n_c.shape)
        folded: Self | None = None
        for bucket in range(n_c.shape[-1]):
            each = cls.of(
                Counts(np.atleast_1d(n_c[..., bucket]), np.atleast_1d(x_c[..., bucket])),
                Counts(np.atleast_1d(n_t[..., bucket]), np.atleast_1d(x_t[..., bucket])),
                design=design,
            )
            folded = each if folded is None else folded + each
        if folded is None:
            raise InvalidArgument("control", "must hold at least one bucket")
        return folded

    def __add__(self, other: Self) -> Self:
        """The evidence of the buckets of both, which must share their design."""
        if len(self.log_likelihood) != len(other.log_likelihood):
            raise InvalidArgument("other", "must be of the same design")
        return type(self)(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class SequentialRates:
    """One look, one entry per metric.

    Attributes:
        log_e_harm: Logarithm of the e-value against "the ratio is at most the null ratio"; 0 without events.
        log_e_noninferior: The same against "the ratio is at least the margin".
        ratio: Treatment's rate over control's, stratified (Mantel & Haenszel); NaN without events, infinite when only
            treatment has some.
        low: Lower end of the interval for the ratio, valid at every look; 0 where it is open.
        high: Upper end of it; infinite where it is open.
    """

    log_e_harm: Floats
    log_e_noninferior: Floats
    ratio: Floats
    low: Floats
    high: Floats


def sequential_rates(
    evidence: RateEvidence, *, alpha: ArrayLike = 0.05, prior: HarmPrior = ANY_HARM
) -> SequentialRates:
    """Evidence of harm, evidence of no inferiority, and an interval for the ratio of two rates.

    Args:
        evidence: The sums over all buckets of this step, or of the whole ramp.
        alpha: The probability that the interval ever misses the truth.
        prior: What harm is expected; `priors.SMALL_HARM` for a whole ramp. Fixed before the first look.

    Raises:
        InvalidArgument: `alpha` is not between 0 and 1.
    """
    logs = evidence.log_likelihood
    low, high = _interval(logs[_BOTH], probabilities(alpha, "alpha"))
    is_known = evidence.below > 0
    ratio = np.where(is_known, evidence.above / np.where(is_known, evidence.below, 1.0), np.inf)
    return SequentialRates(
        log_e_harm=_log_mixture(logs[_HARM], prior.log_weights) - logs[_NULL],
        log_e_noninferior=_log_mixture(logs[_SAFE], ANY_HARM.log_weights) - logs[_MARGIN],
        ratio=np.where((evidence.above > 0) | is_known, ratio, np.nan),
        low=low,
        high=high,
    )


def harm_increments(evidence: RateEvidence) -> tuple[Floats, Floats]:
    """One bucket's log likelihood ratios against the null ratio, last axis, and their log weights: for a detector."""
    logs = evidence.log_likelihood
    return np.moveaxis(logs[_HARM] - logs[_NULL], 0, -1), ANY_HARM.log_weights


def log_likelihoods(x_control: Floats, x_treatment: Floats, share: Floats, log_ratios: Floats) -> Floats:
    """Give log L(r) - log L(1) of one bucket: x_t ln r - (x_c + x_t) ln(1 + (r - 1) share), grid on the first axis.

    `share` is treatment's part of the trials. Taken relative to r = 1 nothing large cancels.
    """
    missing = (1,) * (share.ndim + 1 - log_ratios.ndim)
    grid = log_ratios.reshape(len(log_ratios), *missing, *log_ratios.shape[1:])
    logs: Floats = np.expm1(grid) * share
    np.log1p(logs, out=logs)
    logs *= -(x_control + x_treatment)
    logs += x_treatment * grid
    return logs


def side_log_e(x_control: Floats, x_treatment: Floats, share: Floats, *, margin: Floats) -> Floats:
    """The log e-value of one bucket against "the ratio is at least `margin`"; for planning, with events in parts."""
    grid = np.log(margin) - _upright(np.append(STEPS, 0.0), margin)
    logs = log_likelihoods(x_control, x_treatment, share, grid)
    log_e: Floats = _log_mixture(logs[:-1], ANY_HARM.log_weights) - logs[-1]
    return log_e


def _upright(grid: Floats, metrics: Floats) -> Floats:
    """The grid along an axis before those of the metrics: numpy works fastest along the last axis, the long one."""
    return grid.reshape(-1, *(1,) * metrics.ndim)


def _log_mixture(logs: Floats, log_weights: Floats) -> Floats:
    """log(sum of weight * exp(log)) over the first axis, without overflow."""
    largest = logs.max(axis=0)
    likelihoods = logs - largest
    # Far below what counts; exp is several times slower where it underflows.
    np.maximum(likelihoods, _NEGLIGIBLE, out=likelihoods)
    np.exp(likelihoods, out=likelihoods)
    mixed: Floats = np.log(np.tensordot(np.exp(log_weights), likelihoods, axes=1)) + largest
    return mixed


def _interval(logs: Floats, alpha: Floats) -> tuple[Floats, Floats]:
    """Where the mixture stays below 1/alpha, never narrower than that.

    log L is concave in ln r, so the set is an interval and log L lies below the line through any two grid points,
    prolonged: the ends are sought on those lines, which lie outside.
    """
    floors = _log_mixture(logs, _INTERVAL_WEIGHTS) + np.log(alpha)
    rows = np.broadcast_to(logs, (len(logs), *floors.shape)).reshape(len(logs), -1)
    floor = floors.ravel()
    inside = rows > floor
    first = inside.argmax(axis=0)
    last = first + inside.sum(axis=0, dtype=np.int16) - 1
    low = np.where(first > 0, first - _beyond(rows, first, -1, floor), -np.inf)
    high = np.where(last < len(rows) - 1, last + _beyond(rows, last, 1, floor), np.inf)
    step = AROUND[1] - AROUND[0]
    ends = np.exp(AROUND[0] + step * np.stack([low, high]))
    return ends[0].reshape(floors.shape), ends[1].reshape(floors.shape)


def _beyond(rows: Floats, end: Integers, outwards: int, floor: Floats) -> Floats:
    """How far, in steps of the grid, the interval reaches beyond its last grid point; from 0 to 1."""
    columns = np.arange(rows.shape[1])

    def at(steps: int) -> Floats:
        chosen = np.minimum(np.maximum(end + outwards * steps, 0), len(rows) - 1)
        values: Floats = rows[chosen, columns]
        return values

    here, following = at(0), at(1)
    rise, fall = at(-1) - here, following - at(2)
    reach = np.ones_like(floor)
    np.divide(here - floor, rise, out=reach, where=rise > 0)
    from_outside: Floats = 1 + np.divide(following - floor, fall, out=np.zeros_like(floor), where=fall > 0)
    return np.minimum(np.minimum(reach, from_outside), 1.0)
