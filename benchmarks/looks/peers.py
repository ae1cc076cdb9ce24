"""The same look by the peers: a call for each metric, from the same sums."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from benchmarks.looks.figures import WEIGHTS, Figures
from benchmarks.peers import packages

Floats = NDArray[np.float64]
Arms = list[tuple[list[float], list[float]]]
_LOG_RATIOS = np.arange(1, 61) * np.log(20) / 60
_LOG_WEIGHTS = -(_LOG_RATIOS**2) / (2 * 0.7**2)


def gbstats_look(figures: Figures) -> tuple[list[float], list[float], list[float]]:
    """Its sequential test of a rate, of a mean, and its check of the sample ratio: p-values."""
    return (
        [packages.gbstats_proportion(*arms) for arms in proportions(figures)],
        [packages.gbstats_mean(*arms) for arms in sums(figures)],
        [packages.gbstats_sample_ratio(users, WEIGHTS) for users in figures.split.tolist()],
    )


def gbstats_entry(figures: Figures, *, metrics: int) -> tuple[list[float], list[float]]:
    """The same through its own entry point, as GrowthBook calls it, for the first metrics only: p-values."""
    rates = [([*c, c[1]], [*t, t[1]]) for c, t in proportions(figures)[:metrics]]
    return (
        [packages.gbstats_metric(*arms, kind="binomial", weights=WEIGHTS) for arms in rates],
        [packages.gbstats_metric(*arms, kind="count", weights=WEIGHTS) for arms in sums(figures)[:metrics]],
    )


def scipy_look(figures: Figures) -> tuple[list[float], list[float]]:
    """Welch's test and a chi-square for each metric, valid only once: p-values."""
    expected = (figures.split.sum(axis=1, keepdims=True) * np.array(WEIGHTS)).tolist()
    return (
        [packages.scipy_welch(*arms) for arms in summaries(figures)],
        [packages.scipy_chi_square(*each) for each in zip(figures.split.tolist(), expected, strict=True)],
    )


def statsmodels_look(figures: Figures) -> list[float]:
    """The pooled z test of each rate, valid only once: p-values."""
    return [packages.statsmodels_z([c[1], t[1]], [c[0], t[0]]) for c, t in proportions(figures)]


def mixture_look(figures: Figures) -> list[float]:
    """The evidence of harm of M3 as a loop over scipy's logsumexp, from the formula, one bucket: log e-values."""
    return [_mixture(*control, *candidate) for control, candidate in proportions(figures)]


def proportions(figures: Figures) -> Arms:
    """Of each metric n and events of both arms."""
    return _arms(*([arm.n, arm.successes] for arm in figures.counts))


def sums(figures: Figures) -> Arms:
    """Of each metric n, sum and sum of squares of both arms."""
    return _arms(*([arm.n, arm.n * arm.mean, arm.m2 + arm.n * arm.mean**2] for arm in figures.moments))


def summaries(figures: Figures) -> Arms:
    """Of each metric mean, standard deviation and n of both arms."""
    return _arms(*([arm.mean, np.sqrt(arm.variance), arm.n] for arm in figures.moments))


def _mixture(n_c: float, x_c: float, n_t: float, x_t: float) -> float:
    logs = x_t * _LOG_RATIOS - (x_c + x_t) * np.log(np.exp(_LOG_RATIOS) * n_t + n_c)
    null = -(x_c + x_t) * np.log(n_t + n_c)
    weights = _LOG_WEIGHTS - special.logsumexp(_LOG_WEIGHTS)
    return float(special.logsumexp(logs + weights) - null)


def _arms(control: list[Floats], candidate: list[Floats]) -> Arms:
    return list(zip(np.array(control).T.tolist(), np.array(candidate).T.tolist(), strict=True))
