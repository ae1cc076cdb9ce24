import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from crossfade.statistics.accumulators import Moments
from crossfade.statistics.means import welch

VALUES = st.lists(st.integers(-1000, 1000), min_size=2, max_size=15)


@given(VALUES, VALUES)
def test_welch_agrees_with_scipy_where_both_arms_vary(control: list[int], treatment: list[int]) -> None:
    assume(len(set(control)) > 1 and len(set(treatment)) > 1)
    ours = welch(Moments.of(control), Moments.of(treatment))
    theirs = stats.ttest_ind(treatment, control, equal_var=False)
    assert ours.t[0] == pytest.approx(theirs.statistic, rel=1e-9, abs=1e-9)
    assert ours.p[0] == pytest.approx(theirs.pvalue, rel=1e-8)
    interval = theirs.confidence_interval(0.95)
    assert (ours.low[0], ours.high[0]) == pytest.approx((interval.low, interval.high), rel=1e-8, abs=1e-8)


def test_a_p_below_the_smallest_float_keeps_its_logarithm_and_is_not_0() -> None:
    arm = Moments.from_variance(1e6, [0.0, 1.0], 1.0)
    ours = welch(Moments.from_variance(1e6, 0.0, 1.0), arm)
    assert ours.p.tolist() == [1.0, pytest.approx(2.2250738585072014e-308)]
    assert -250_000 < ours.log_p[1] < -200_000


def test_nothing_varies_and_nothing_differs_is_no_difference() -> None:
    ours = welch(Moments.from_variance(20, 7.0, 0.0), Moments.from_variance(25, [7.0, 8.0], 0.0))
    assert ours.p[0] == 1
    assert np.isnan(ours.p[1])
    assert ours.status.tolist() == ["degenerate_variance", "degenerate_variance"]


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_values_give_no_p(n: int) -> None:
    ours = welch(Moments.from_variance(30, 5.0, 2.0), Moments.from_variance(n, 9.0, np.nan))
    assert ours.status[0] == "insufficient_data"
    assert np.isnan([ours.t[0], ours.p[0], ours.low[0], ours.high[0]]).all()


def test_a_control_mean_of_0_has_no_relative_difference() -> None:
    ours = welch(Moments.from_variance(60, 0.0, 4.0), Moments.from_variance(80, 1.0, 4.0))
    assert ours.difference[0] == 1
    assert np.isnan(ours.relative[0])


def test_many_metrics_at_once_give_what_single_ones_give() -> None:
    rng = np.random.default_rng(2)
    n, means, variances = rng.integers(2, 99, (2, 50)), rng.normal(0, 1, (2, 50)), rng.exponential(1, (2, 50))
    together = welch(*(Moments.from_variance(n[arm], means[arm], variances[arm]) for arm in (0, 1)))
    for metric in range(50):
        single = welch(*(Moments.from_variance(n[a, metric], means[a, metric], variances[a, metric]) for a in (0, 1)))
        assert single.p[0] == together.p[metric]
