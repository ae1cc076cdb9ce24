"""One look of Crossfade: evidence of harm and of safety with intervals, and the sample ratio, from accumulators."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.looks.figures import WEIGHTS, Figures
from crossfade.statistics.rates import RateDesign, RateEvidence, SequentialRates, sequential_rates
from crossfade.statistics.sample_ratio import SampleRatio, sample_ratio
from crossfade.statistics.stratified import (
    SequentialMeans,
    StratifiedMeans,
    harm_log_e,
    noninferiority_log_e,
    sequential_means,
)

Floats = NDArray[np.float64]


class Said(NamedTuple):
    """All that one look says."""

    rates: SequentialRates
    means: SequentialMeans
    means_harm: Floats
    means_safe: Floats
    ratio: SampleRatio


@dataclass(frozen=True, slots=True)
class State:
    """The accumulators of a step.

    Attributes:
        v_opt: The information planned for the step's end, one per metric.
    """

    rates: RateEvidence
    means: StratifiedMeans
    split: Floats
    v_opt: Floats

    def look(self) -> Said:
        """Judge every metric by M3 and M4, and the traffic by M7."""
        return Said(
            sequential_rates(self.rates),
            sequential_means(self.means, v_opt=self.v_opt),
            harm_log_e(self.means, v_opt=self.v_opt),
            noninferiority_log_e(self.means, margin=0.1, v_opt=self.v_opt),
            sample_ratio(self.split, WEIGHTS),
        )


def folded(figures: Figures, *, design: RateDesign) -> tuple[RateEvidence, StratifiedMeans]:
    """A bucket of time as evidence, to be added to what is there."""
    return RateEvidence.of(*figures.counts, design=design), StratifiedMeans.of(*figures.moments)


def state_of(figures: Figures, *, n_star: float) -> State:
    """The accumulators after the first bucket, planned for `n_star` units, as gbstats is."""
    rates, means = folded(figures, design=RateDesign.of())
    v_opt = means.information() * n_star / figures.split.sum(axis=1)
    return State(rates, means, figures.split, v_opt)
