import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crossfade.statistics.accumulators import Counts
from crossfade.statistics.proportions import Strata, mantel_haenszel, two_proportions, wilson

ARM = st.integers(2, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(ARM, ARM)
def test_every_table_has_a_p_and_an_interval_with_width(control: tuple[int, int], treatment: tuple[int, int]) -> None:
    result = two_proportions(Counts.of(*control), Counts.of(*treatment))
    assert 0 < result.p[0] <= 1
    assert 0 < result.reported_p[0] <= 1
    assert result.low[0] <= result.difference[0] <= result.high[0]
    assert result.low[0] < result.high[0]


@given(ARM, ARM)
def test_swapping_the_arms_turns_the_result_around(control: tuple[int, int], treatment: tuple[int, int]) -> None:
    there = two_proportions(Counts.of(*control), Counts.of(*treatment))
    back = two_proportions(Counts.of(*treatment), Counts.of(*control))
    assert there.z[0] == pytest.approx(-back.z[0])
    assert (there.low[0], there.high[0]) == pytest.approx((-back.high[0], -back.low[0]))


@given(ARM, ARM)
def test_fishers_p_is_that_of_scipy(control: tuple[int, int], treatment: tuple[int, int]) -> None:
    exact = two_proportions(Counts.of(*control), Counts.of(*treatment)).exact_p[0]
    (n_c, x_c), (n_t, x_t) = control, treatment
    if not np.isnan(exact):
        assert exact == pytest.approx(
            stats.fisher_exact(np.array([[x_t, n_t - x_t], [x_c, n_c - x_c]])).pvalue, rel=1e-9
        )


def test_fisher_decides_while_an_expected_cell_is_below_five() -> None:
    small = two_proportions(Counts.of(300, 0), Counts.of(250, 7))
    assert small.reported_p[0] == pytest.approx(stats.fisher_exact(np.array([[7, 243], [0, 300]])).pvalue)
    assert small.status[0] == "ok"
    large = two_proportions(Counts.of(300, 30), Counts.of(250, 70))
    assert np.isnan(large.exact_p[0])
    assert large.reported_p[0] == large.p[0]


@pytest.mark.parametrize("share", [0, 1])
def test_nothing_or_everything_in_both_arms_is_no_difference(share: int) -> None:
    same = two_proportions(Counts.of(400, 400 * share), Counts.of(500, 500 * share))
    assert (same.p[0], same.difference[0]) == (1, 0)
    assert same.low[0] < 0 < same.high[0]


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_trials_give_no_p(n: int) -> None:
    result = two_proportions(Counts.of(300, 3), Counts.of(n, 0))
    assert result.status[0] == "insufficient_data"
    assert np.isnan([result.z[0], result.p[0], result.reported_p[0]]).all()


def test_no_trials_bound_nothing() -> None:
    low, high = wilson(Counts.of(0, 0))
    assert (low[0], high[0]) == (0, 1)


TABLES = st.lists(st.tuples(ARM, ARM), min_size=1, max_size=4)


@given(TABLES, TABLES)
def test_strata_may_be_folded(
    first: list[tuple[tuple[int, int], tuple[int, int]]], second: list[tuple[tuple[int, int], tuple[int, int]]]
) -> None:
    def strata(tables: list[tuple[tuple[int, int], tuple[int, int]]]) -> Strata:
        control, treatment = np.array(tables).transpose(1, 2, 0)
        return Strata.over_buckets(Counts.of(*control), Counts.of(*treatment))

    folded = mantel_haenszel(strata(first) + strata(second))
    at_once = mantel_haenszel(strata([*first, *second]))
    for name in ("statistic", "difference", "odds_ratio", "low"):
        assert getattr(folded, name) == pytest.approx(getattr(at_once, name), nan_ok=True)


def test_strata_turn_around_what_totals_say() -> None:
    """Kohavi's Friday and Saturday: treatment is better on each day and looks worse in total."""
    control, treatment = Counts.of([990_000, 500_000], [20_000, 5_000]), Counts.of([10_000, 500_000], [230, 6_000])
    assert mantel_haenszel(Strata.over_buckets(control, treatment)).difference[0] > 0
    assert treatment.successes.sum() / treatment.n.sum() < control.successes.sum() / control.n.sum()


def test_the_common_odds_ratio_and_its_interval_are_those_of_statsmodels() -> None:
    control, treatment = Counts.of([100, 200], [10, 30]), Counts.of([50, 80], [9, 20])
    result = mantel_haenszel(Strata.over_buckets(control, treatment))
    assert (result.odds_ratio[0], result.low[0], result.high[0]) == pytest.approx(
        (1.914760914760915, 1.123240747547509, 3.2640459035172102), rel=1e-9
    )


def test_without_any_success_there_is_no_difference() -> None:
    result = mantel_haenszel(Strata.of(Counts.of(10, 0), Counts.of(20, 0)))
    assert (result.p[0], result.difference[0]) == (1, 0)
    assert np.isnan(result.odds_ratio[0])


def test_an_empty_arm_says_nothing() -> None:
    result = mantel_haenszel(Strata.of(Counts.of(10, 2), Counts.of(0, 0)))
    assert np.isnan([result.p[0], result.difference[0], result.odds_ratio[0]]).all()


NEARLY_ALL = Counts.of(10**12, 10**12 - 1000), Counts.of(10**12, 10**12 - 1200)


def test_shares_near_1_keep_their_digits() -> None:
    """References: mpmath with 50 digits."""
    result = two_proportions(*NEARLY_ALL)
    assert result.z[0] == pytest.approx(-4.264014329457416568, rel=1e-14)
    assert result.low[0] == pytest.approx(-2.921340378885304898e-10, rel=1e-13)
    assert result.high[0] == pytest.approx(-1.081128329623237455e-10, rel=1e-13)
    control, treatment = Counts.of([10**12] * 3, [10**12 - 1000] * 3), Counts.of([10**12] * 3, [10**12 - 1100] * 3)
    stratified = mantel_haenszel(Strata.over_buckets(control, treatment))
    assert stratified.statistic[0] == pytest.approx(14.28571430070714287, rel=1e-14)


@given(ARM, ARM)
def test_counting_failures_instead_turns_the_result_around(
    control: tuple[int, int], treatment: tuple[int, int]
) -> None:
    arms = Counts.of(*control), Counts.of(*treatment)
    mirrored = [Counts(arm.n, arm.failures) for arm in arms]
    there, back = two_proportions(*arms), two_proportions(*mirrored)
    assert there.z[0] == pytest.approx(-back.z[0], rel=1e-14)
    assert (there.low[0], there.high[0]) == pytest.approx((-back.high[0], -back.low[0]), rel=1e-12)
    first, second = (mantel_haenszel(Strata.of(*each)).statistic[0] for each in (arms, mirrored))
    assert first == pytest.approx(second, rel=1e-14)
