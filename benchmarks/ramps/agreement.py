"""Whether the vectorised formulas of the peers are those of the packages."""

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from benchmarks.peers import packages
from benchmarks.peers.naive import gbstats_sequential, pooled_z, welch
from benchmarks.ramps.observations import Counts, Sums

Floats = NDArray[np.float64]
_PAIRS = 200
_SEED = 3


def check_peers() -> dict[str, float]:
    """The largest relative difference between the vectorised formula and the package, over random pairs.

    Raises:
        RuntimeError: They do not agree; nothing can be measured.
    """
    counts, sums = _counted(), _summed()
    worst = {
        "gbstats, proportion": _worst(
            gbstats_sequential(*(Sums.of(arm) for arm in counts), is_proportion=True).p,
            [packages.gbstats_proportion(*pair) for pair in _pairs(*((arm.n, arm.x) for arm in counts))],
        ),
        "gbstats, mean": _worst(
            gbstats_sequential(*sums, is_proportion=False).p,
            [packages.gbstats_mean(*pair) for pair in _pairs(*((arm.n, arm.total, arm.squares) for arm in sums))],
        ),
        "statsmodels, pooled z": _worst(
            pooled_z(*counts).p,
            [
                packages.statsmodels_z([c[1], t[1]], [c[0], t[0]])
                for c, t in _pairs(*((arm.n, arm.x) for arm in counts))
            ],
        ),
        "scipy, Welch": _worst(
            welch(*sums).p,
            [
                packages.scipy_welch(*pair)
                for pair in _pairs(*((arm.mean(), np.sqrt(arm.variance()), arm.n) for arm in sums))
            ],
        ),
    }
    if not all(each <= 1e-6 for each in worst.values()):
        raise RuntimeError(f"the formulas are not those of the packages: {worst}")
    return worst


def _counted() -> tuple[Counts, Counts]:
    random = default_rng(_SEED)
    n = random.integers(200, 50_000, (2, _PAIRS)).astype(np.float64)
    x = random.binomial(n.astype(np.int64), random.uniform(0.02, 0.2, _PAIRS)).astype(np.float64)
    return Counts(n[0], x[0]), Counts(n[1], x[1])


def _summed() -> tuple[Sums, Sums]:
    random = default_rng(_SEED)
    n = random.integers(100, 50_000, (2, _PAIRS)).astype(np.float64)
    mean, spread = random.normal(100, 0.5, (2, _PAIRS)), random.uniform(5, 50, (2, _PAIRS))
    arms = [Sums(n[i], n[i] * mean[i], (n[i] - 1) * spread[i] ** 2 + n[i] * mean[i] ** 2) for i in (0, 1)]
    return arms[0], arms[1]


def _pairs(*arms: tuple[Floats, ...]) -> list[list[list[float]]]:
    return [[[float(part[i]) for part in arm] for arm in arms] for i in range(_PAIRS)]


def _worst(ours: Floats, theirs: list[float]) -> float:
    other = np.asarray(theirs, dtype=np.float64)
    return float(np.max(np.abs(ours - other) / np.maximum(other, 1e-12)))
