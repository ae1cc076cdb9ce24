import numpy as np
import pytest

from crossfade.statistics.accumulators import RatioMoments
from crossfade.statistics.evidence import peak, rejects
from crossfade.statistics.ratio import compare_ratios, linearised
from crossfade.statistics.sequential_means import MeanDesign, sequential_means
from crossfade.statistics.stratified import StratifiedMeans


def users(seed: int, runs: int, n: int, *, rate: float = 0.05) -> RatioMoments:
    """Errors over requests of users who differ in both."""
    rng = np.random.default_rng(seed)
    requests = 1 + rng.geometric(0.1, (runs, n))
    own_rate = rng.beta(rate * 3, 3 - rate * 3, (runs, n))
    return RatioMoments.of(rng.binomial(requests, own_rate), requests)


def test_clustered_users_raise_no_more_false_alarms_than_nominal() -> None:
    result = compare_ratios(users(1, 2000, 400), users(2, 2000, 200))
    assert 0.035 < (result.p < 0.05).mean() < 0.065


def test_the_standard_error_is_the_spread_of_the_ratio() -> None:
    result = compare_ratios(users(3, 800, 2000), users(4, 800, 20))
    assert result.error_control.mean() == pytest.approx(result.ratio_control.std(), rel=0.08)


def test_too_few_users_or_no_denominator_give_no_decision() -> None:
    many, one = RatioMoments.of([1.0, 2.0, 0.0], [2.0, 3.0, 1.0]), RatioMoments.of([1.0], [2.0])
    assert compare_ratios(many, one).status[0] == "insufficient_data"
    assert np.isnan(compare_ratios(many, one).p[0])
    assert np.isnan(compare_ratios(many, RatioMoments.of([1.0, 1.0], [0.0, 0.0])).difference[0])


def test_linearised_users_find_the_difference_of_ratios() -> None:
    control, treatment = users(5, 1, 20_000), users(6, 1, 20_000, rate=0.06)
    reference = compare_ratios(control, treatment).ratio_control
    arms = (linearised(arm, reference=reference) for arm in (control, treatment))
    means = sequential_means(StratifiedMeans.of(*arms), MeanDesign.of(1000.0))
    told = compare_ratios(control, treatment).difference * control.denominator.mean
    assert means.difference == pytest.approx(told, rel=0.05)


def test_linearised_users_may_be_watched() -> None:
    highest, folded, runs = np.zeros(200), None, 200
    for look in range(40):
        arms = (linearised(users(100 + 2 * look + arm, runs, 60), reference=0.05) for arm in (0, 1))
        bucket = StratifiedMeans.of(*arms)
        folded = bucket if folded is None else folded + bucket
        highest = peak(highest, sequential_means(folded, MeanDesign.of(30 * 40 * 1.0)).log_e_harm)
    assert rejects(highest, alpha=0.05).mean() <= 0.05
