"""Conversions by the stratified normal mixture (M4): decided only once they are frequent enough."""

import numpy as np
import pytest

from crossfade.statistics.accumulators import Counts
from crossfade.statistics.evidence import peak, rejects
from crossfade.statistics.stratified import StratifiedMeans, harm_log_e, noninferiority_log_e, sequential_means

RUNS = 500


def false_alarms(rate: float, *, as_counts: bool) -> float:
    """Of healthy steps at 1 % with 25 looks at 1000 users each, planned for their end."""
    rng, highest = np.random.default_rng(17), np.zeros(RUNS)
    folded: StratifiedMeans | None = None
    for _ in range(25):
        control, treatment = (Counts.of(n, rng.binomial(n, rate, RUNS)) for n in (990, 10))
        arms = (control, treatment) if as_counts else (control.moments(), treatment.moments())
        each = StratifiedMeans.of(*arms)
        folded = each if folded is None else folded + each
        highest = peak(highest, harm_log_e(folded, v_opt=rate * (1 - rate) * 25 * 9.9, lower_is_better=False))
    return float(rejects(highest, alpha=0.05).mean())


def test_rare_conversions_raise_few_false_alarms_and_would_raise_many_without_the_minimum() -> None:
    assert false_alarms(0.01, as_counts=True) <= 0.05
    assert false_alarms(0.01, as_counts=False) > 0.15


@pytest.mark.parametrize(
    ("control", "treatment"),
    [((5000, 29), (5000, 300)), ((5000, 300), (5000, 29)), ((5000, 4971), (5000, 4000)), ((5000, 100), (5000, 4971))],
)
def test_with_29_successes_or_failures_in_an_arm_nothing_is_decided(
    control: tuple[int, int], treatment: tuple[int, int]
) -> None:
    evidence = StratifiedMeans.of(Counts.of(*control), Counts.of(*treatment))
    assert np.isnan(harm_log_e(evidence, v_opt=100.0)[0])
    assert np.isnan(noninferiority_log_e(evidence, margin=0.1, v_opt=100.0)[0])
    assert sequential_means(evidence, v_opt=100.0).status[0] == "too_few_events"


def test_the_30_may_come_in_several_buckets() -> None:
    bucket = StratifiedMeans.of(Counts.of(1000, 15), Counts.of(1000, 15))
    assert sequential_means(bucket + bucket, v_opt=15.0).status[0] == "ok"
    control, treatment = Counts.of([1000, 1000], [15, 15]), Counts.of([1000, 1000], [15, 15])
    assert np.isfinite(harm_log_e(StratifiedMeans.over_buckets(control, treatment), v_opt=15.0)[0])
