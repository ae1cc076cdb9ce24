"""A thousand metrics of one step: a rate, a mean and a split of traffic each, in a single bucket of time.

One bucket, because the peers know no buckets; ours cost the same for any number of them once they are folded.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from crossfade.statistics.accumulators import Counts, Moments

Floats = NDArray[np.float64]
WEIGHTS = (0.75, 0.25)


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of each metric, one entry per metric; of a pair the first is control."""

    counts: tuple[Counts, Counts]
    moments: tuple[Moments, Moments]
    split: Floats

    @classmethod
    def random(cls, metrics: int, *, seed: int) -> "Figures":
        """Random figures, some of them with a difference."""
        random = default_rng(seed)
        total = random.integers(20_000, 60_000, metrics)
        candidates = random.binomial(total, WEIGHTS[1])
        n = np.array([total - candidates, candidates])
        rates = random.uniform(0.003, 0.02, metrics) * np.array([np.ones(metrics), random.uniform(0.8, 1.5, metrics)])
        means = random.uniform(50, 200, metrics) * np.array([np.ones(metrics), random.uniform(0.98, 1.04, metrics)])
        events, spread = random.binomial(n, rates), random.uniform(20, 80, (2, metrics))
        control, candidate = 0, 1
        return cls(
            (Counts.of(n[control], events[control]), Counts.of(n[candidate], events[candidate])),
            (
                Moments.from_variance(n[control], means[control], spread[control] ** 2),
                Moments.from_variance(n[candidate], means[candidate], spread[candidate] ** 2),
            ),
            n.T.astype(np.float64),
        )
