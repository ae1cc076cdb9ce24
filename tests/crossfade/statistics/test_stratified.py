import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossfade.statistics.accumulators import Counts, Moments
from crossfade.statistics.evidence import peak, rejects
from crossfade.statistics.stratified import (
    StratifiedMeans,
    harm_log_e,
    noninferiority_log_e,
    planned_information,
    sequential_means,
)


def bucket(n: int = 1000, control: float = 100.0, treatment: float = 100.0, spread: float = 100.0) -> StratifiedMeans:
    arms = (Moments.from_variance(n, mean, spread) for mean in (control, treatment))
    return StratifiedMeans.of(*arms)


V_OPT = 100.0 * 1000 / 2


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.floats(-9, 9)), min_size=1, max_size=5))
def test_folding_gives_what_all_buckets_at_once_give(buckets: list[tuple[int, int, float]]) -> None:
    n_c, n_t, mean = np.array(buckets).T
    control, treatment = Moments.from_variance(n_c, mean, 1.0), Moments.from_variance(n_t, mean + 1, 2.0)
    at_once = sequential_means(StratifiedMeans.over_buckets(control, treatment), v_opt=10.0)
    first, *others = (
        StratifiedMeans.of(Moments.from_variance(c, m, 1.0), Moments.from_variance(t, m + 1, 2.0))
        for c, t, m in buckets
    )
    for other in others:
        first = first + other
    folded = sequential_means(first, v_opt=10.0)
    for name in ("difference", "log_e", "low", "high"):
        assert getattr(folded, name) == pytest.approx(getattr(at_once, name), rel=1e-9, abs=1e-12, nan_ok=True)


def test_a_jump_of_the_baseline_between_buckets_does_not_move_the_difference() -> None:
    means = sequential_means(bucket(control=10, treatment=11) + bucket(control=1e6, treatment=1e6 + 1), v_opt=V_OPT)
    assert means.difference[0] == pytest.approx(1)


def test_harm_and_safety_exclude_each_other() -> None:
    worse, same = bucket(treatment=115), bucket(n=100_000)
    assert rejects(harm_log_e(worse, v_opt=V_OPT), alpha=0.05)[0]
    assert not rejects(noninferiority_log_e(worse, margin=0.1, v_opt=V_OPT), alpha=0.05)[0]
    assert rejects(noninferiority_log_e(same, margin=0.1, v_opt=V_OPT), alpha=0.05)[0]
    assert not rejects(harm_log_e(same, v_opt=V_OPT), alpha=0.05)[0]


def test_of_conversions_the_lower_is_the_worse() -> None:
    fewer = bucket(treatment=90)
    assert rejects(harm_log_e(fewer, v_opt=V_OPT, lower_is_better=False), alpha=0.05)[0]
    assert not rejects(harm_log_e(fewer, v_opt=V_OPT), alpha=0.05)[0]
    assert not rejects(noninferiority_log_e(fewer, margin=0.1, v_opt=V_OPT, lower_is_better=False), alpha=0.05)[0]
    assert rejects(noninferiority_log_e(fewer, margin=0.2, v_opt=V_OPT, lower_is_better=False), alpha=0.05)[0]


def test_relative_and_absolute_margins_agree_when_control_is_known_well() -> None:
    control, treatment = Moments.from_variance(10**9, 100.0, 1e-6), Moments.from_variance(1000, 100.0, 100.0)
    means = StratifiedMeans.of(control, treatment)
    relative = noninferiority_log_e(means, margin=0.02, v_opt=V_OPT)
    assert relative == pytest.approx(noninferiority_log_e(means, margin=2.0, relative=False, v_opt=V_OPT), rel=1e-6)


def test_before_100_values_of_treatment_there_is_no_verdict() -> None:
    early = bucket(n=99, treatment=500)
    assert np.isnan(harm_log_e(early, v_opt=V_OPT)[0])
    assert np.isnan(noninferiority_log_e(early, margin=0.1, v_opt=V_OPT)[0])
    assert sequential_means(early, v_opt=V_OPT).status[0] == "insufficient_data"


def test_without_variance_there_is_no_decision() -> None:
    constant = sequential_means(bucket(spread=0.0), v_opt=V_OPT)
    assert constant.status[0] == "degenerate_variance"
    assert np.isnan([constant.log_e[0], constant.low[0], constant.high[0]]).all()


def test_an_empty_arm_has_no_decision() -> None:
    empty = StratifiedMeans.of(Moments.from_variance(10, 1.0, 1.0), Moments.from_variance(0, np.nan, np.nan))
    means = sequential_means(empty, v_opt=V_OPT)
    assert means.status[0] == "insufficient_data"
    assert np.isnan([means.difference[0], means.log_e[0], means.low[0]]).all()


def test_the_planned_information_is_what_accumulates() -> None:
    control = Moments.from_variance(5000, 3.0, 4.0)
    planned = planned_information(control, n_control=900, n_treatment=100)
    reached = StratifiedMeans.of(Moments.from_variance(900, 3.0, 4.0), Moments.from_variance(100, 3.0, 4.0))
    assert planned[0] == pytest.approx(reached.information()[0])


def test_conversions_watched_at_100_looks_of_a_ramp_raise_few_false_alarms() -> None:
    rng, runs, looks = np.random.default_rng(4), 300, 100
    folded: StratifiedMeans | None = None
    highest = np.zeros(runs)
    for look, share in enumerate(np.repeat([0.01, 0.05, 0.25, 0.5], looks // 4)):
        n_t, rate = round(2000 * share), 0.2 * (1 + look / looks)
        arms = (Counts.of(n, rng.binomial(n, rate, runs)).moments() for n in (2000 - n_t, n_t))
        each = StratifiedMeans.of(*arms)
        folded = each if folded is None else folded + each
        highest = peak(highest, harm_log_e(folded, v_opt=0.2 * 2000 * 25 * 0.25, lower_is_better=False))
    assert rejects(highest, alpha=0.05).mean() <= 0.05
