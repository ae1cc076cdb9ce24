"""Rates and counts compared at every look, exactly, bucket by bucket of time (M3).

Given how many events both arms had together in a bucket, treatment's share of them depends on the ratio r of the two
rates and on the allocation only: whatever the baseline does, it cancels. The likelihood of r is therefore
`log L(r) = sum_k [x_tk ln r - (x_ck + x_tk) ln(r n_tk + n_ck)]`, and a mixture of likelihood ratios is evidence that
may be looked at at any time (Lindon & Malek 2022, of which the abstract was read; Turner & Gruenwald 2023, likewise).
Exact for Poisson counts, conservative for shares, the more the more frequent: above 10 % means are better (M4).
"""

from dataclasses import dataclass, field, fields, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from crossfade.errors import InvalidArgument
from crossfade.statistics.accumulators import Counts
from crossfade.statistics.arguments import Floats, Integers, aligned, fit, positives, probabilities
from crossfade.statistics.priors import ANY_HARM, AROUND, PRIOR_SPREAD, STEPS, HarmPrior, log_normal_weights

_AROUND_WEIGHTS = np.exp(log_normal_weights(AROUND, PRIOR_SPREAD))
_BIT = np.log(2.0)
_FIRST, _STEP = AROUND[0] / _BIT, (AROUND[1] - AROUND[0]) / _BIT
# Beyond these 2**x would leave the range of a float, and a mixture the range in which it has all its digits.
_LARGEST, _FAR = 1000.0, 2.0**900
# A slope that no two grid points have.
_FLAT = 1e-200
# The interval's two ends, and four grid points at each: one further in, the end, and two further out.
_OUTWARDS = np.array([[-1], [1]])
_AROUND_END = np.arange(-1, 3).reshape(4, 1, 1) * _OUTWARDS
_NUMBERS = np.arange(len(AROUND), dtype=np.int8).reshape(-1, 1)
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

    def is_that_of(self, other: Self) -> bool:
        """Whether the other asks the same of the same metrics."""
        return self is other or (
            np.array_equal(self.null_ratio, other.null_ratio) and np.array_equal(self.margin, other.margin)
        )


@dataclass(frozen=True, slots=True, eq=False)
class RateEvidence:
    """What all buckets so far say of each metric, merged by adding.

    Attributes:
        log_likelihood: log L(r) - log L(1) in bits (to base 2) on the design's grid, first axis.
        n_control: Trials of control.
        x_control: Events of control.
        n_treatment: Trials of treatment.
        x_treatment: Events of treatment.
        above: Mantel and Haenszel's sum of x_t n_c / (n_c + n_t).
        below: The sum of x_c n_t / (n_c + n_t).
        design: What was asked.
    """

    log_likelihood: Floats
    n_control: Floats
    x_control: Floats
    n_treatment: Floats
    x_treatment: Floats
    above: Floats
    below: Floats
    design: RateDesign

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
            design=design,
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
        fit(self.n_control, other.n_control)
        if not self.design.is_that_of(other.design):
            raise InvalidArgument("other", "must be of the same design")
        return replace(self, **{each: getattr(self, each) + getattr(other, each) for each in _SUMS})


_SUMS = tuple(each.name for each in fields(RateEvidence) if each.name != "design")


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
        log_e_harm=_BIT * (_log_mixture(logs[_HARM], prior.weights) - logs[_NULL]),
        log_e_noninferior=_BIT * (_log_mixture(logs[_SAFE], ANY_HARM.weights) - logs[_MARGIN]),
        ratio=np.where((evidence.above > 0) | is_known, ratio, np.nan),
        low=low,
        high=high,
    )


def harm_increments(evidence: RateEvidence) -> tuple[Floats, Floats]:
    """One bucket's log likelihood ratios against the null ratio, last axis, and their log weights: for a detector."""
    logs = evidence.log_likelihood
    return np.moveaxis(_BIT * (logs[_HARM] - logs[_NULL]), 0, -1), ANY_HARM.log_weights


def log_likelihoods(x_control: Floats, x_treatment: Floats, share: Floats, log_ratios: Floats) -> Floats:
    """Give log L(r) - log L(1) of one bucket: x_t ln r - (x_c + x_t) ln(1 + (r - 1) share), grid on the first axis.

    In bits, since numpy has the powers of 2 faster than those of e. `share` is treatment's part of the trials; taken
    relative to r = 1 nothing large cancels.
    """
    missing = (1,) * (share.ndim + 1 - log_ratios.ndim)
    grid = log_ratios.reshape(len(log_ratios), *missing, *log_ratios.shape[1:])
    logs: Floats = np.expm1(grid) * share
    np.log1p(logs, out=logs)
    logs *= (x_control + x_treatment) / -_BIT
    logs += (x_treatment / _BIT) * grid
    return logs


def side_log_e(x_control: Floats, x_treatment: Floats, share: Floats, *, margin: Floats) -> Floats:
    """The log e-value of one bucket against "the ratio is at least `margin`"; for planning, with events in parts."""
    grid = np.log(margin) - _upright(np.append(STEPS, 0.0), margin)
    logs = log_likelihoods(x_control, x_treatment, share, grid)
    log_e: Floats = _BIT * (_log_mixture(logs[:-1], ANY_HARM.weights) - logs[-1])
    return log_e


def _upright(grid: Floats, metrics: Floats) -> Floats:
    """The grid along an axis before those of the metrics: numpy works fastest along the last axis, the long one."""
    return grid.reshape(-1, *(1,) * metrics.ndim)


def _log_mixture(logs: Floats, weights: Floats) -> Floats:
    """log(sum of weight * 2**log) over the first axis, to base 2, without overflow."""
    rows = logs.reshape(len(logs), -1)
    mixed = _mixture(rows, weights)
    if mixed.min(initial=1.0) > 1 / _FAR and mixed.max(initial=1.0) < _FAR:
        return np.log2(mixed).reshape(logs.shape[1:])
    # Evidence of hundreds of bits is mixed once more, relative to the largest.
    far = np.flatnonzero(~((mixed > 1 / _FAR) & (mixed < _FAR)))
    largest = rows[:, far].max(axis=0)
    mixed[far] = _mixture(rows[:, far] - largest, weights)
    log_mixed = np.log2(mixed)
    log_mixed[far] += largest
    return log_mixed.reshape(logs.shape[1:])


def _mixture(rows: Floats, weights: Floats) -> Floats:
    # exp2 is several times slower where it underflows.
    likelihoods = np.clip(rows, -_LARGEST, _LARGEST)
    np.exp2(likelihoods, out=likelihoods)
    mixed: Floats = weights @ likelihoods
    return mixed


def _interval(logs: Floats, alpha: Floats) -> tuple[Floats, Floats]:
    """Where the mixture stays below 1/alpha, never narrower than that.

    log L is concave in ln r, so the set is an interval and log L lies below the line through any two grid points,
    prolonged: the ends are sought on those lines, which lie outside.
    """
    floors = _log_mixture(logs, _AROUND_WEIGHTS) + np.log2(alpha)
    rows = np.broadcast_to(logs, (len(logs), *floors.shape)).reshape(len(logs), -1)
    floor = floors.ravel()
    inside = (rows > floor).view(np.int8)
    ends = np.empty((2, len(floor)), dtype=np.int64)
    ends[0] = len(rows) - 1 - (inside * _NUMBERS[::-1]).max(axis=0)
    ends[1] = (inside * _NUMBERS).max(axis=0)
    low, high = np.exp2(_FIRST + _STEP * (ends + _OUTWARDS * _beyond(rows, ends, floor)))
    low[ends[0] == 0], high[ends[1] == len(rows) - 1] = 0.0, np.inf
    return low.reshape(floors.shape), high.reshape(floors.shape)


def _beyond(rows: Floats, ends: Integers, floor: Floats) -> Floats:
    """How far, in steps of the grid, the interval reaches beyond its first and last grid point; from 0 to 1."""
    width = rows.shape[1]
    columns = np.arange(width)
    wanted = np.clip(ends * width + columns + _AROUND_END * width, columns, columns + (len(rows) - 1) * width)
    inner, here, following, outer = rows.ravel().take(wanted, mode="clip")
    fall = following - outer
    reach = (here - floor) / np.maximum(inner - here, _FLAT)
    from_outside = 1 + (following - floor) / np.where(fall > 0, fall, np.inf)
    nearest: Floats = np.clip(np.minimum(reach, from_outside), 0.0, 1.0)
    return nearest
