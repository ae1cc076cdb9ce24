"""Tests that are meant for one look at the end, vectorised over looks and runs: p-value and direction."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from benchmarks.ramps.observations import Counts, Sums

Floats = NDArray[np.float64]


class Tested(NamedTuple):
    """p-values, two-sided, and how far candidate is above control; p is 1 where nothing can be said."""

    p: Floats
    difference: Floats


def welch(control: Sums, candidate: Sums) -> Tested:
    """Welch's t test, as scipy.stats.ttest_ind with `equal_var=False`."""
    errors = [arm.variance() / np.maximum(arm.n, 1) for arm in (control, candidate)]
    freedom = sum(error**2 / np.maximum(arm.n - 1, 1) for error, arm in zip(errors, (control, candidate), strict=True))
    variance = errors[0] + errors[1]
    difference = candidate.mean() - control.mean()
    says = (np.minimum(control.n, candidate.n) >= 2) & (variance > 0)
    t = difference / np.sqrt(np.where(says, variance, 1))
    p = 2 * special.stdtr(np.where(says, variance, 1) ** 2 / np.where(says, freedom, 1), -np.abs(t))
    return Tested(np.where(says, p, 1.0), difference)


def pooled_z(control: Counts, candidate: Counts) -> Tested:
    """The z test of two proportions with a pooled variance, as statsmodels' proportions_ztest."""
    trials = np.maximum(control.n + candidate.n, 1)
    share = (control.x + candidate.x) / trials
    variance = share * (1 - share) * trials / np.maximum(control.n * candidate.n, 1)
    says = (np.minimum(control.n, candidate.n) >= 1) & (variance > 0)
    difference = candidate.x / np.maximum(candidate.n, 1) - control.x / np.maximum(control.n, 1)
    p = 2 * special.ndtr(-np.abs(difference) / np.sqrt(np.where(says, variance, 1)))
    return Tested(np.where(says, p, 1.0), difference)


def gbstats_sequential(control: Sums, candidate: Sums, *, is_proportion: bool, alpha: float = 0.05) -> Tested:
    """The SequentialTwoSidedTTest of gbstats 0.8, absolute difference, its default tuning of 5000.

    The package judges one pair at a time; this is its formula for all looks and runs at once. The benchmark checks
    it against the package before it measures.
    """
    variances = [_proportion_variance(arm) if is_proportion else arm.variance() for arm in (control, candidate)]
    n = control.n + candidate.n
    variance = variances[0] / np.maximum(control.n, 1) + variances[1] / np.maximum(candidate.n, 1)
    says = (control.total != 0) & (variances[0] > 0) & (variances[1] > 0)
    rho2 = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / 5000
    difference = candidate.mean() - control.mean()
    information = n * rho2 + 1
    z2 = difference**2 * n / np.where(says, variance, 1)
    log_e = rho2 * z2 / (2 * information) - np.log(information) / 2
    return Tested(np.where(says, np.exp(-np.maximum(log_e, 0)), 1.0), difference)


def _proportion_variance(arm: Sums) -> Floats:
    return arm.mean() * (1 - arm.mean())
