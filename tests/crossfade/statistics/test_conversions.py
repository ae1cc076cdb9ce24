"""Conversions by the stratified normal mixture (M4): decided only once they are frequent enough."""

import numpy as np
import pytest

from crossfade.statistics.accumulators import Counts, Moments
from crossfade.statistics.evidence import peak, rejects
from crossfade.statistics.sequential_means import MeanDesign, sequential_means
from crossfade.statistics.stratified import StratifiedMeans

RUNS = 500


def disguised(control: Counts, treatment: Counts) -> StratifiedMeans:
    """Conversions given as values of any kind, which nobody can tell from others: no minimum applies."""
    return StratifiedMeans.of(*(Moments.from_sums(arm.n, arm.successes, arm.successes) for arm in (control, treatment)))


def false_alarms(rate: float, *, as_counts: bool) -> float:
    """Of healthy steps at 1 % with 25 looks at 1000 users each, planned for their end."""
    rng, highest = np.random.default_rng(17), np.zeros(RUNS)
    design = MeanDesign.of(rate * (1 - rate) * 25 * 9.9, lower_is_better=False)
    folded: StratifiedMeans | None = None
    for _ in range(25):
        control, treatment = (Counts.of(n, rng.binomial(n, rate, RUNS)) for n in (990, 10))
        each = StratifiedMeans.of(control, treatment) if as_counts else disguised(control, treatment)
        folded = each if folded is None else folded + each
        highest = peak(highest, sequential_means(folded, design).log_e_harm)
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
    said = sequential_means(evidence, MeanDesign.of(100.0))
    assert np.isnan([said.log_e_harm[0], said.log_e_noninferior[0]]).all()
    assert said.status[0] == "too_few_events"


def test_counts_say_what_their_zeros_and_ones_say() -> None:
    control, treatment = Counts.of(2000, 900), Counts.of(1000, 500)
    counted = sequential_means(StratifiedMeans.of(control, treatment), MeanDesign.of(150.0))
    raw = sequential_means(disguised(control, treatment), MeanDesign.of(150.0))
    assert counted.log_e_harm == pytest.approx(raw.log_e_harm)
    assert counted.high == pytest.approx(raw.high)


def test_the_30_may_come_in_several_buckets() -> None:
    bucket = StratifiedMeans.of(Counts.of(1000, 15), Counts.of(1000, 15))
    assert sequential_means(bucket + bucket, MeanDesign.of(15.0)).status[0] == "ok"
    control, treatment = Counts.of([1000, 1000], [15, 15]), Counts.of([1000, 1000], [15, 15])
    at_once = sequential_means(StratifiedMeans.over_buckets(control, treatment), MeanDesign.of(15.0))
    assert np.isfinite(at_once.log_e_harm[0])
