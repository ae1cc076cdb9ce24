import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossfade.statistics.accumulators import Counts, Moments
from crossfade.statistics.evidence import peak, rejects
from crossfade.statistics.sequential_means import MeanDesign, planned_information, sequential_means
from crossfade.statistics.stratified import StratifiedMeans


def bucket(n: int = 1000, control: float = 100.0, treatment: float = 100.0, spread: float = 100.0) -> StratifiedMeans:
    arms = (Moments.from_variance(n, mean, spread) for mean in (control, treatment))
    return StratifiedMeans.of(*arms)


def harmful_and_safe(evidence: StratifiedMeans, design: MeanDesign) -> tuple[bool, bool]:
    said = sequential_means(evidence, design)
    return bool(rejects(said.log_e_harm, alpha=0.05)[0]), bool(rejects(said.log_e_noninferior, alpha=0.05)[0])


V_OPT = 100.0 * 1000 / 2
DESIGN = MeanDesign.of(V_OPT)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.floats(-9, 9)), min_size=1, max_size=5))
def test_folding_gives_what_all_buckets_at_once_give(buckets: list[tuple[int, int, float]]) -> None:
    n_c, n_t, mean = np.array(buckets).T
    control, treatment = Moments.from_variance(n_c, mean, 1.0), Moments.from_variance(n_t, mean + 1, 2.0)
    at_once = sequential_means(StratifiedMeans.over_buckets(control, treatment), MeanDesign.of(10.0))
    first, *others = (
        StratifiedMeans.of(Moments.from_variance(c, m, 1.0), Moments.from_variance(t, m + 1, 2.0))
        for c, t, m in buckets
    )
    for other in others:
        first = first + other
    folded = sequential_means(first, MeanDesign.of(10.0))
    for name in ("difference", "log_e", "low", "high"):
        assert getattr(folded, name) == pytest.approx(getattr(at_once, name), rel=1e-9, abs=1e-12, nan_ok=True)


def test_a_jump_of_the_baseline_between_buckets_does_not_move_the_difference() -> None:
    means = sequential_means(bucket(control=10, treatment=11) + bucket(control=1e6, treatment=1e6 + 1), DESIGN)
    assert means.difference[0] == pytest.approx(1)


def test_harm_and_safety_exclude_each_other() -> None:
    worse, same = bucket(treatment=115), bucket(n=100_000)
    assert harmful_and_safe(worse, DESIGN) == (True, False)
    assert harmful_and_safe(same, DESIGN) == (False, True)


def test_of_conversions_the_lower_is_the_worse() -> None:
    fewer = bucket(treatment=90)
    assert harmful_and_safe(fewer, DESIGN) == (False, True)
    assert harmful_and_safe(fewer, MeanDesign.of(V_OPT, margin=0.1, lower_is_better=False)) == (True, False)
    assert harmful_and_safe(fewer, MeanDesign.of(V_OPT, margin=0.2, lower_is_better=False)) == (True, True)


def test_relative_and_absolute_margins_agree_when_control_is_known_well() -> None:
    control, treatment = Moments.from_variance(10**9, 100.0, 1e-6), Moments.from_variance(1000, 100.0, 100.0)
    means = StratifiedMeans.of(control, treatment)
    relative = sequential_means(means, MeanDesign.of(V_OPT, margin=0.02)).log_e_noninferior
    absolute = sequential_means(means, MeanDesign.of(V_OPT, margin=2.0, relative=False)).log_e_noninferior
    assert relative == pytest.approx(absolute, rel=1e-6)


def test_before_100_values_of_treatment_there_is_no_verdict() -> None:
    early = sequential_means(bucket(n=99, treatment=500), DESIGN)
    assert np.isnan([early.log_e_harm[0], early.log_e_noninferior[0]]).all()
    assert early.status[0] == "insufficient_data"


def test_without_variance_there_is_no_decision() -> None:
    constant = sequential_means(bucket(spread=0.0), DESIGN)
    assert constant.status[0] == "degenerate_variance"
    assert np.isnan([constant.log_e[0], constant.low[0], constant.high[0]]).all()


def test_an_empty_arm_has_no_decision() -> None:
    empty = StratifiedMeans.of(Moments.from_variance(10, 1.0, 1.0), Moments.from_variance(0, np.nan, np.nan))
    means = sequential_means(empty, DESIGN)
    assert means.status[0] == "insufficient_data"
    assert np.isnan([means.difference[0], means.log_e[0], means.low[0]]).all()


def test_without_a_positive_mean_of_control_no_relative_margin_is_excluded() -> None:
    negative = bucket(n=100_000, control=-100.0, treatment=-100.0)
    assert np.isnan(sequential_means(negative, DESIGN).log_e_noninferior[0])
    absolute = sequential_means(negative, MeanDesign.of(V_OPT, margin=10.0, relative=False))
    assert rejects(absolute.log_e_noninferior, alpha=0.05)[0]


def test_a_table_of_means_gives_what_its_rows_give() -> None:
    rng = np.random.default_rng(6)
    control, treatment = (Moments.from_variance(rng.integers(90, 900, (4, 3)), 9.0, 1.0) for _ in range(2))
    design = MeanDesign.of([10.0, 20.0, 30.0], margin=[0.0, 0.1, 0.2], lower_is_better=[True, False, True])
    table = sequential_means(StratifiedMeans.of(control, treatment), design)
    for row in range(4):
        arms = (Moments(arm.n[row], arm.mean[row], arm.m2[row]) for arm in (control, treatment))
        alone = sequential_means(StratifiedMeans.of(*arms), design)
        for name in ("log_e", "log_e_harm", "log_e_noninferior", "low", "high"):
            assert getattr(table, name)[row] == pytest.approx(getattr(alone, name), nan_ok=True)


def test_the_planned_information_is_what_accumulates() -> None:
    control = Moments.from_variance(5000, 3.0, 4.0)
    planned = planned_information(control, n_control=900, n_treatment=100)
    reached = StratifiedMeans.of(Moments.from_variance(900, 3.0, 4.0), Moments.from_variance(100, 3.0, 4.0))
    assert planned[0] == pytest.approx(reached.information()[0])


def test_conversions_watched_at_100_looks_of_a_ramp_raise_few_false_alarms() -> None:
    rng, runs, looks = np.random.default_rng(4), 300, 100
    design = MeanDesign.of(0.2 * 2000 * 25 * 0.25, lower_is_better=False)
    folded: StratifiedMeans | None = None
    highest = np.zeros(runs)
    for look, share in enumerate(np.repeat([0.01, 0.05, 0.25, 0.5], looks // 4)):
        n_t, rate = round(2000 * share), 0.2 * (1 + look / looks)
        arms = (Counts.of(n, rng.binomial(n, rate, runs)) for n in (2000 - n_t, n_t))
        each = StratifiedMeans.of(*arms)
        folded = each if folded is None else folded + each
        highest = peak(highest, sequential_means(folded, design).log_e_harm)
    assert rejects(highest, alpha=0.05).mean() <= 0.05
