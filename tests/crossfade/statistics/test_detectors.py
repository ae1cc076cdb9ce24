import numpy as np
import pytest

from crossfade.statistics.accumulators import Counts, Moments
from crossfade.statistics.detectors import Detector, log_threshold, mean_increments
from crossfade.statistics.evidence import peak, rejects
from crossfade.statistics.rates import RateDesign, RateEvidence, harm_increments, sequential_rates
from crossfade.statistics.stratified import StratifiedMeans

DESIGN, LOOKS, RUNS = RateDesign.of(), 100, 200


def baked(change_at: int, *, ratio: float) -> tuple[float, float]:
    """How often the detector and the cumulative test notice errors that rise by `ratio` at a look, in 100 looks."""
    rng = np.random.default_rng(12)
    detector, folded = None, None
    highest, cumulative = np.full(RUNS, -np.inf), np.zeros(RUNS)
    for look in range(LOOKS):
        rate = 0.005 * (ratio if look >= change_at else 1)
        control = Counts.of(500, rng.binomial(500, 0.005, RUNS))
        bucket = RateEvidence.of(control, Counts.of(500, rng.binomial(500, rate, RUNS)), design=DESIGN)
        increments, weights = harm_increments(bucket)
        detector = (detector or Detector.start(RUNS, weights)).observe(increments)
        highest = np.maximum(highest, detector.log_e)
        folded = bucket if folded is None else folded + bucket
        cumulative = peak(cumulative, sequential_rates(folded).log_e_harm)
    alarms = highest >= log_threshold(0.05, looks=LOOKS)
    return float(alarms.mean()), float(rejects(cumulative, alpha=0.05).mean())


def test_a_healthy_bake_raises_few_alarms() -> None:
    assert baked(LOOKS, ratio=1)[0] <= 0.05


def test_a_late_regression_is_found_more_often_than_by_a_cumulative_test() -> None:
    detector, cumulative = baked(80, ratio=2.5)
    assert detector > 0.9
    assert detector > cumulative


def test_the_sum_after_looks_without_news_is_the_number_of_looks() -> None:
    detector = Detector.start(2, [0.0])
    assert detector.log_e.tolist() == [-np.inf, -np.inf]
    for _ in range(7):
        detector = detector.observe(np.zeros((2, 1)))
    assert np.exp(detector.log_e) == pytest.approx([7, 7])


def test_means_that_rise_late_are_noticed_and_falling_ones_only_when_that_is_harm() -> None:
    def observed(shift: float, *, higher_is_worse: bool = True) -> float:
        rng, detector = np.random.default_rng(2), None
        for look in range(LOOKS):
            control, treatment = rng.normal(0, 1, 200), rng.normal(shift if look >= 70 else 0, 1, 200)
            bucket = StratifiedMeans.of(Moments.of(control), Moments.of(treatment))
            increments, weights = mean_increments(
                bucket, variance_control=1.0, variance_treatment=1.0, v_opt=2000.0, higher_is_worse=higher_is_worse
            )
            detector = (detector or Detector.start(1, weights)).observe(increments)
        assert detector is not None
        return float(detector.log_e[0] - log_threshold(0.05, looks=LOOKS)[0])

    assert observed(0.3) > 0
    assert observed(0.0) < 0
    assert observed(-0.3) < 0
    assert observed(-0.3, higher_is_worse=False) > 0
