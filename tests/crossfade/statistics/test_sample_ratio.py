import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from crossfade.statistics.sample_ratio import chi_square, sample_ratio


@given(st.lists(st.integers(0, 10**5), min_size=2, max_size=5), st.floats(0.1, 1e5))
def test_the_evidence_is_dirichlet_multinomial_over_multinomial(counted: list[int], concentration: float) -> None:
    n, theta = np.array(counted), np.arange(1, len(counted) + 1)
    theta = theta / theta.sum()
    prior = concentration * theta
    log_ratios = special.gammaln(prior + n) - special.gammaln(prior) - n * np.log(theta)
    plain = log_ratios.sum() - special.gammaln(concentration + n.sum()) + special.gammaln(concentration)
    assert sample_ratio(counted, theta, concentration=concentration).log_e[0] == pytest.approx(
        plain, rel=1e-6, abs=1e-6
    )


def test_a_billion_units_keep_their_digits() -> None:
    """With counts exactly as planned it has the closed form -(arms - 1) / 2 ln(1 + N/k), up to 1/k."""
    even = sample_ratio([10**9, 10**9], [1, 1])
    assert even.log_e[0] == pytest.approx(-0.5 * np.log1p(2e9 / 1e4), abs=1e-3)
    assert sample_ratio([10**9, 10**9 + 10**6], [1, 1]).log_e[0] == pytest.approx(1e12 / 4e9 - 6.1, abs=0.2)


def test_traffic_in_an_arm_of_weight_zero_is_an_alarm_by_itself() -> None:
    alarm = sample_ratio([1000, 10, 1], [0.99, 0.01, 0])
    assert alarm.log_e[0] == np.inf
    assert alarm.status[0] == "ok"
    assert 0 < alarm.p[0] < 1e-300
    assert chi_square([1000, 10, 1], [0.99, 0.01, 0]).log_p[0] == -np.inf


def test_an_idle_arm_of_weight_zero_does_not_count() -> None:
    assert sample_ratio([500, 480, 0], [1, 1, 0]).log_e[0] == pytest.approx(sample_ratio([500, 480], [1, 1]).log_e[0])
    assert chi_square([500, 480, 0], [1, 1, 0]).degrees[0] == 1


def test_weights_need_not_add_up_to_one() -> None:
    almost = [0.1] * 10
    assert sum(almost) != 1
    counted = [100, 90, 110, 95, 105, 100, 100, 99, 101, 100]
    assert chi_square(counted, almost).statistic[0] == pytest.approx(stats.chisquare(counted).statistic)
    assert sample_ratio(counted, almost).log_e[0] == pytest.approx(sample_ratio(counted, [1e300] * 10).log_e[0])


def test_without_units_nothing_is_said() -> None:
    silent = chi_square([0, 0, 0], [2, 1, 1])
    assert (silent.p[0], silent.status[0]) == (1, "insufficient_data")
    assert sample_ratio([0, 0], [1, 1]).status[0] == "insufficient_data"


def test_there_is_no_alarm_while_an_arm_expects_fewer_than_five() -> None:
    assert sample_ratio([0, 40], [0.1, 0.9]).status[0] == "insufficient_data"
    assert sample_ratio([0, 50], [0.1, 0.9]).status[0] == "ok"


def test_many_tests_at_once_give_what_single_ones_give() -> None:
    counted = np.random.default_rng(3).integers(0, 1000, (20, 3))
    together = sample_ratio(counted, [2, 1, 1])
    assert together.log_e.tolist() == [sample_ratio(row, [2, 1, 1]).log_e[0] for row in counted]


def test_looking_a_hundred_times_raises_few_false_alarms() -> None:
    rng = np.random.default_rng(8)
    arrived = rng.multinomial(1000, [0.95, 0.05], (500, 100)).cumsum(axis=1)
    assert (sample_ratio(arrived, [0.95, 0.05]).log_e.max(axis=1) >= np.log(1 / 0.01)).mean() <= 0.01


def test_units_beside_a_share_of_next_to_nothing_are_certain() -> None:
    beside = chi_square([9, 1], [1, 1e-320])
    assert (beside.statistic[0], beside.log_p[0], beside.status[0]) == (np.inf, -np.inf, "ok")
