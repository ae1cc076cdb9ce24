"""One look of Crossfade: evidence of harm and of safety with intervals, and the sample ratio, from accumulators."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.looks.figures import WEIGHTS, Figures
from crossfade.statistics.rates import RateDesign, RateEvidence, SequentialRates, sequential_rates
from crossfade.statistics.sample_ratio import SampleRatio, Split
from crossfade.statistics.sequential_means import MeanDesign, SequentialMeans, sequential_means
from crossfade.statistics.stratified import StratifiedMeans

Floats = NDArray[np.float64]


class Said(NamedTuple):
    """All that one look says."""

    rates: SequentialRates
    means: SequentialMeans
    ratio: SampleRatio


@dataclass(frozen=True, slots=True)
class State:
    """The accumulators of a step, and what was settled when it started."""

    rates: RateEvidence
    means: StratifiedMeans
    counted: Floats
    means_design: MeanDesign
    split: Split

    def look(self) -> Said:
        """Judge every metric by M3 and M4, and the traffic by M7."""
        return Said(
            sequential_rates(self.rates),
            sequential_means(self.means, self.means_design),
            self.split.look(self.counted),
        )


def folded(figures: Figures, *, design: RateDesign) -> tuple[RateEvidence, StratifiedMeans]:
    """A bucket of time as evidence, to be added to what is there."""
    return RateEvidence.of(*figures.counts, design=design), StratifiedMeans.of(*figures.moments)


def state_of(figures: Figures, *, n_star: float) -> State:
    """The accumulators after the first bucket, planned for `n_star` units, as gbstats is."""
    rates, means = folded(figures, design=RateDesign.of())
    v_opt = means.information() * n_star / figures.split.sum(axis=1)
    return State(rates, means, figures.split, MeanDesign.of(v_opt), Split.of(WEIGHTS))
