"""The stratified score with a normal mixture: what one would do about rates without an exact test."""

from math import log, log1p
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from benchmarks.ramps.observations import Rates

Floats = NDArray[np.float64]


class Evidence(NamedTuple):
    """Logarithms of e-values at each look, shape (looks, runs)."""

    harm: Floats
    either_way: Floats
    score: Floats


def stratified_score(rates: Rates, *, alpha: float = 0.05) -> Evidence:
    """Each look's difference of rates, weighted, over the pooled binomial variance within the look.

    Robbins' normal mixture, as Howard et al. (2021) write it, tuned with hindsight to the variance at the last look:
    better than anybody could.
    """
    control, candidate = rates.control, rates.candidate
    n = np.maximum(control.n + candidate.n, 1)
    weight = control.n * candidate.n / n
    difference = candidate.x / np.maximum(candidate.n, 1) - control.x / np.maximum(control.n, 1)
    share = (control.x + candidate.x) / n
    score, variance = (weight * difference).cumsum(axis=0), (weight * share * (1 - share)).cumsum(axis=0)
    planned = np.maximum(variance[-1], 1e-12)
    one, two = _tuned(planned, 2 * alpha), _tuned(planned, alpha)
    harm = _log_e(score, variance, one) + np.log(2) + special.log_ndtr(score / np.sqrt(variance + one))
    return Evidence(harm, _log_e(score, variance, two), score)


def _tuned(planned: Floats, alpha: float) -> Floats:
    strictness = -2 * log(alpha)
    return planned / (strictness + log1p(strictness))


def _log_e(score: Floats, variance: Floats, rho: Floats) -> Floats:
    logs: Floats = 0.5 * np.log(rho / (variance + rho)) + score**2 / (2 * (variance + rho))
    return logs
