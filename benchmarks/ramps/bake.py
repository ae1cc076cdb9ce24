"""A long bake at a constant share, in which candidate turns bad late: cumulative evidence and a detector (M9)."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.ramps.observations import Rates
from benchmarks.ramps.ours import ALPHA
from benchmarks.ramps.schedule import Schedule
from crossfade.statistics.accumulators import Counts
from crossfade.statistics.detectors import Detector, log_threshold
from crossfade.statistics.rates import RateDesign, RateEvidence, harm_increments

Bools = NDArray[np.bool_]


def detected(rates: Rates, schedule: Schedule) -> Bools:
    """Where the detector stands above its threshold for a bake of that many looks."""
    design = RateDesign.of()
    threshold = log_threshold(ALPHA, looks=schedule.looks)
    detector: Detector | None = None
    alarms = []
    for look in range(schedule.looks):
        control = Counts(rates.control.n[look], rates.control.x[look])
        candidate = Counts(rates.candidate.n[look], rates.candidate.x[look])
        increments, log_weights = harm_increments(RateEvidence.of(control, candidate, design=design))
        detector = (detector or Detector.start(len(control.n), log_weights)).observe(increments)
        alarms.append(detector.log_e >= threshold)
    return np.stack(alarms)
