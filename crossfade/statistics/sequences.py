"""Intervals of one share, and a comparison of two quantiles, that hold at every look: for show.

The two-sided beta-binomial mixture of Howard, Ramdas, McAuliffe & Sekhon (2021, proposition 7) for Bernoulli values;
the quantile test after Howard & Ramdas (2022). The papers were not read; the formulas follow the authors' library
(confseq). Both assume that the share itself does not drift: decisions use `rates.py`, in which drift cancels.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from crossfade.errors import InvalidArgument
from crossfade.statistics.accumulators import Counts
from crossfade.statistics.arguments import Floats, aligned, numbers, positives, probabilities
from crossfade.statistics.mixtures import tuning

_BISECTIONS = 60
_GOLDEN = (np.sqrt(5) - 1) / 2


def share_log_e(successes: ArrayLike, trials: ArrayLike, *, share: ArrayLike, rho: ArrayLike) -> Floats:
    """The log e-value against "the share is `share`"; successes may be in parts (for planning and inversion).

    With p the share, q = 1 - p and r = max(rho - p q, p q / 1000), the likelihood mixed over Beta(r / q, r / p):
    `ln B(r/q + x, r/p + n - x) - ln B(r/q, r/p) - x ln p - (n - x) ln q`.

    Args:
        successes: x, from 0 to the trials.
        trials: n.
        share: p, between 0 and 1.
        rho: As given by `mixtures.tuning` for the variance p q n at which the interval should be tightest.

    Raises:
        InvalidArgument: An argument is out of range, or the shapes do not fit.
    """
    x, n, p, tuned = aligned(
        successes=numbers(successes, "successes"),
        trials=numbers(trials, "trials"),
        share=probabilities(share, "share"),
        rho=positives(rho, "rho"),
    )
    if not bool(np.all((x >= 0) & (x <= n))):
        raise InvalidArgument("successes", "must lie between 0 and trials")
    return _log_e(x, n, p, tuned)


def share_sequence(
    counted: Counts, *, alpha: ArrayLike = 0.05, t_opt: ArrayLike = 1000.0, alpha_opt: ArrayLike = 0.05
) -> tuple[Floats, Floats]:
    """The interval of a share that holds at every look, lower and upper end; 0 and 1 without trials.

    Args:
        counted: One entry per metric.
        alpha: The probability that it ever misses the truth.
        t_opt: The number of trials at which it should be tightest.
        alpha_opt: The error probability it is tuned for.

    Raises:
        InvalidArgument: An argument is out of range, or the shapes do not fit.
    """
    n, error, t, tuned = aligned(
        counted=counted.n,
        alpha=probabilities(alpha, "alpha"),
        t_opt=positives(t_opt, "t_opt"),
        alpha_opt=probabilities(alpha_opt, "alpha_opt"),
    )
    x, size = np.broadcast_to(counted.successes, n.shape), np.maximum(n, 1)

    def end(beyond: Floats) -> Floats:
        inside, outside = x / size, beyond
        for _ in range(_BISECTIONS):
            middle = np.clip((inside + outside) / 2, 1e-300, 1 - 1e-16)
            rho = tuning(middle * (1 - middle) * t, alpha=tuned)
            is_rejected = _log_e(x, n, middle, rho) >= -np.log(error)
            inside, outside = np.where(is_rejected, inside, middle), np.where(is_rejected, middle, outside)
        return (inside + outside) / 2

    low, high = np.where(x > 0, end(np.zeros(n.shape)), 0.0), np.where(x < n, end(np.ones(n.shape)), 1.0)
    return low, np.where(n > 0, high, 1.0)


def compare_quantiles(
    control: ArrayLike, treatment: ArrayLike, *, share: float, t_opt: float, alpha_opt: float = 0.05
) -> float:
    """The log e-value against "both arms have the same quantile", from raw values; for histograms see `quantiles.py`.

    If the quantile were x in both arms, the shares of values below x would speak against it with the product of two
    e-values; the least product over all x is the evidence.

    Args:
        control: Values of one arm, at least one.
        treatment: Values of the other.
        share: Of values below the quantile, between 0 and 1.
        t_opt: The number of values at which the test should be sharpest.
        alpha_opt: The error probability it is tuned for, between 0 and 1.

    Raises:
        InvalidArgument: An argument is out of range, or an arm is empty.
    """
    p = probabilities(share, "share")
    if p.shape != (1,):
        raise InvalidArgument("share", "must be one number")
    arms = [np.sort(numbers(control, "control").ravel()), np.sort(numbers(treatment, "treatment").ravel())]
    for name, values in zip(("control", "treatment"), arms, strict=True):
        if not values.size:
            raise InvalidArgument(name, "must not be empty")
    rho = tuning(positives(t_opt, "t_opt") * p * (1 - p), alpha=alpha_opt)
    candidates = np.concatenate(arms)
    first, second = (_least_log_e(values, candidates, p, rho) for values in arms)
    return float((first + second).min())


def _least_log_e(values: Floats, candidates: Floats, share: Floats, rho: Floats) -> Floats:
    """Of one arm the e-value against each candidate, at the most favourable share between "below" and "at most" it."""
    n = np.full(1, float(values.size))
    below = np.searchsorted(values, candidates, side="left").astype(np.float64)
    at_most = np.searchsorted(values, candidates, side="right").astype(np.float64)
    best = np.clip(_favourable(n, share, rho), below, at_most)
    return _log_e(best, n, share, rho)


def _favourable(n: Floats, share: Floats, rho: Floats) -> Floats:
    """The number of successes that speaks least against the share: the e-value is convex in it."""
    low, high = np.zeros(1), n
    for _ in range(2 * _BISECTIONS):
        first, second = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        falls = _log_e(first, n, share, rho) > _log_e(second, n, share, rho)
        low, high = np.where(falls, first, low), np.where(falls, high, second)
    return (low + high) / 2


def _log_e(x: Floats, n: Floats, p: Floats, rho: Floats) -> Floats:
    q = 1 - p
    r = np.maximum(rho - p * q, 1e-3 * p * q)
    a, b = r / q, r / p
    grown = special.betaln(a + x, b + n - x) - special.betaln(a, b)
    return grown - x * np.log(p) - (n - x) * np.log1p(-p)
