"""Whether ours and the peers give the same answers where they answer the same question."""

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.looks import peers
from benchmarks.looks.figures import WEIGHTS, Figures
from benchmarks.looks.ours import state_of
from crossfade.statistics.means import welch
from crossfade.statistics.proportions import two_proportions
from crossfade.statistics.sample_ratio import chi_square

GBSTATS_N_STAR = 5000
_TOLERANCE = 1e-6


def check(figures: Figures) -> dict[str, float]:
    """The largest relative difference between ours and each peer.

    gbstats' sequential test is M4 with a single bucket, planned for the same number of units. Its p-values below
    1e-12 are left out, and where its own test has no digits left.

    Raises:
        RuntimeError: They do not agree, so that speed would mean nothing.
    """
    said = state_of(figures, n_star=GBSTATS_N_STAR).look()
    gbstats_rates, gbstats_means, gbstats_ratio = peers.gbstats_look(figures)
    entry_rates, entry_means = peers.gbstats_entry(figures, metrics=20)
    scipy_means, scipy_ratio = peers.scipy_look(figures)
    shares = chi_square(figures.split, WEIGHTS).p
    worst = {
        "gbstats, sequential mean": _worst(np.exp(np.minimum(-said.means.log_e, 0)), gbstats_means),
        "gbstats, its own entry point": max(
            _worst(gbstats_rates[: len(entry_rates)], entry_rates),
            _worst(gbstats_means[: len(entry_means)], entry_means),
        ),
        "gbstats, sample ratio": _worst(shares, gbstats_ratio),
        "scipy, Welch": _worst(welch(*figures.moments).p, scipy_means),
        "scipy, chi-square": _worst(shares, scipy_ratio),
        "scipy loop, rate mixture": _worst(said.rates.log_e_harm, peers.mixture_look(figures)),
        "statsmodels, pooled z": _worst(two_proportions(*figures.counts).p, peers.statsmodels_look(figures)),
    }
    if not all(each <= _TOLERANCE for each in worst.values()):
        raise RuntimeError(f"ours and the peers do not agree: {worst}")
    return worst


def _worst(ours: ArrayLike, theirs: ArrayLike) -> float:
    mine, other = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    told = np.abs(other) > 1e-12
    return float(np.max(np.abs(mine - other)[told] / np.abs(other)[told]))
