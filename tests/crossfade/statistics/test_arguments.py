"""Bad input to every public function: an error that names the argument, never a number, never a warning."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossfade.errors import InvalidArgument
from crossfade.statistics import mixtures, multiple, power, proportions, sample_ratio, stratified
from crossfade.statistics.accumulators import Counts, Moments, RatioMoments
from crossfade.statistics.detectors import Detector, log_threshold, mean_increments
from crossfade.statistics.evidence import rejects
from crossfade.statistics.histogram import Histograms, encode
from crossfade.statistics.limits import lower_bound
from crossfade.statistics.means import welch
from crossfade.statistics.noninferiority import judge_guardrails, noninferior_means, noninferior_proportions
from crossfade.statistics.quantiles import share_above
from crossfade.statistics.rates import RateDesign, RateEvidence, sequential_rates
from crossfade.statistics.ratio import compare_ratios, linearised
from crossfade.statistics.sequences import compare_quantiles
from crossfade.statistics.sequential_means import MeanDesign, planned_information, sequential_means

NAN, INF = math.nan, math.inf
M, C = Moments.from_variance([9, 9], 1.0, 1.0), Counts.of([9, 9], 1)
M3, C3 = Moments.from_variance([9, 9, 9], 1.0, 1.0), Counts.of([9, 9, 9], 1)
R = RatioMoments.of([1.0, 2.0], [1.0, 3.0])
PAIRS = [[1.0, 2.0]] * 3
H = Histograms.decoded([encode([1.0, 2.0])])
S = stratified.StratifiedMeans.of(M, M)
E = RateEvidence.of(C, C, design=RateDesign.of())

Refused = tuple[str, Callable[[], object]]
CASES: list[Refused] = [
    ("n", lambda: Moments.from_variance(-1, 0.0, 1.0)),
    ("n", lambda: Moments.from_variance(NAN, 0.0, 1.0)),
    ("n", lambda: Moments.from_variance(2.5, 0.0, 1.0)),
    ("n", lambda: Moments.from_variance("9", 0.0, 1.0)),
    ("n", lambda: Moments.from_variance([True], 0.0, 1.0)),
    ("mean", lambda: Moments.from_variance(9, NAN, 1.0)),
    ("mean", lambda: Moments.from_variance(9, INF, 1.0)),
    ("variance", lambda: Moments.from_variance(9, 0.0, -1.0)),
    ("variance", lambda: Moments.from_variance(9, 0.0, NAN)),
    ("values", lambda: Moments.of([1.0, NAN])),
    ("values", lambda: Moments.of([1.0, INF])),
    ("values", lambda: Moments.of([1e200, -1e200])),
    ("values", lambda: Moments.of([1e308, 1e308])),
    ("values", lambda: RatioMoments.of([1e200, 2.0], [1.0, 2.0])),
    ("mean", lambda: Moments.from_variance(9, 1e308, 1.0)),
    ("variance", lambda: Moments.from_variance(10, 1.0, 1e308)),
    ("squares", lambda: Moments.from_sums(10, 1e200, 1e308)),
    ("squares", lambda: Moments.from_sums(10, 1e200, 1e299)),
    ("other", lambda: M + M3),
    ("other", lambda: C + C3),
    ("other", lambda: S + stratified.StratifiedMeans.of(M3, M3)),
    ("other", lambda: proportions.Strata.of(C, C) + proportions.Strata.of(C3, C3)),
    ("other", lambda: E + RateEvidence.of(C3, C3, design=RateDesign.of())),
    ("other", lambda: E + RateEvidence.of(C, C, design=RateDesign.of(margin=2.0))),
    ("other", lambda: E + RateEvidence.of(C, C, design=RateDesign.of(1.1))),
    ("other", lambda: RatioMoments.of(PAIRS[:2], PAIRS[:2]) + RatioMoments.of(PAIRS, PAIRS)),
    ("squares", lambda: Moments.from_sums(10, 100.0, 10.0)),
    ("mean", lambda: Moments.from_variance([9, 9], [1.0, 1.0, 1.0], 1.0)),
    ("n", lambda: Counts.of(-5, 1)),
    ("n", lambda: Counts.of([[1, 2], [3]], 1)),
    ("successes", lambda: Counts.of(5, 6)),
    ("successes", lambda: Counts.of(5, -1)),
    ("successes", lambda: Counts.of(5, NAN)),
    ("successes", lambda: Counts.of([5, 5], [1, 1, 1])),
    ("denominator", lambda: RatioMoments.of([1.0, 2.0], [1.0])),
    ("comoment", lambda: RatioMoments.from_sums(2, num=2.0, num2=4.0, den=2.0, den2=4.0, product=99.0)),
    ("treatment", lambda: welch(M, M3)),
    ("confidence", lambda: welch(M, M, confidence=1.0)),
    ("null", lambda: welch(M, M, null=NAN)),
    ("treatment", lambda: proportions.two_proportions(C, C3)),
    ("confidence", lambda: proportions.two_proportions(C, C, confidence=NAN)),
    ("treatment", lambda: proportions.Strata.of(C, C3)),
    ("confidence", lambda: proportions.mantel_haenszel(proportions.Strata.of(C, C), confidence=0)),
    ("margin", lambda: noninferior_means(M, M, margin=-1.0)),
    ("margin", lambda: noninferior_proportions(C, C, margin=NAN)),
    ("control", lambda: noninferior_means(M3, M, margin=[1.0, 1.0])),
    ("noninferiority_peaks", lambda: judge_guardrails([0.0], [0.0, 0.0])),
    ("alpha", lambda: judge_guardrails([0.0], [0.0], alpha=1.0)),
    ("null_ratio", lambda: RateDesign.of(0.0)),
    ("margin", lambda: RateDesign.of(1.0, NAN)),
    ("margin", lambda: RateDesign.of([1.0, 1.0], [1.5, 1.5, 1.5])),
    ("treatment", lambda: RateEvidence.of(C, C3, design=RateDesign.of())),
    ("alpha", lambda: sequential_rates(E, alpha=0.0)),
    ("treatment", lambda: stratified.StratifiedMeans.of(M, M3)),
    ("v_opt", lambda: MeanDesign.of(0.0)),
    ("alpha", lambda: MeanDesign.of(1.0, alpha=NAN)),
    ("alpha", lambda: MeanDesign.of(1.0, alpha=0.5)),
    ("lower_is_better", lambda: MeanDesign.of(1.0, lower_is_better=1)),
    ("margin", lambda: MeanDesign.of(1.0, margin=-0.1)),
    ("control", lambda: planned_information(Moments.of([1.0]), n_control=9, n_treatment=9)),
    ("n_treatment", lambda: planned_information(M, n_control=9, n_treatment=0)),
    ("information", lambda: mixtures.two_sided_log_e(0.0, -1.0, rho=1.0)),
    ("score", lambda: mixtures.one_sided_log_e(NAN, 1.0, rho=1.0)),
    ("rho", lambda: mixtures.two_sided_bound(1.0, rho=INF, alpha=0.05)),
    ("sides", lambda: mixtures.tuning(1.0, alpha=0.05, sides=3)),
    ("n_star", lambda: mixtures.mean_sequence(M, M, alpha=0.05, n_star=-1)),
    ("confidence", lambda: compare_ratios(R, R, confidence=2.0)),
    ("counted", lambda: sample_ratio.sample_ratio([1, -1], [1, 1])),
    ("weights", lambda: sample_ratio.chi_square([1], [1])),
    ("weights", lambda: sample_ratio.sample_ratio([1, 1], [0, 0])),
    ("weights", lambda: sample_ratio.chi_square([1, 1], [1, NAN])),
    ("weights", lambda: sample_ratio.chi_square([1, 1], [1, 1, 1])),
    ("concentration", lambda: sample_ratio.sample_ratio([1, 1], [1, 1], concentration=0)),
    ("steps", lambda: multiple.split_alpha(0.05, 0)),
    ("steps", lambda: multiple.split_alpha(0.05, 2.5)),  # type: ignore[arg-type]  # what is tested
    ("log_p", lambda: multiple.holm(log_p=["a"])),
    ("harm_peaks", lambda: judge_guardrails(["a"], [1.0])),
    ("log_e", lambda: rejects("a", alpha=0.05)),
    ("alpha", lambda: lower_bound(1, 2, alpha="x")),
    ("events", lambda: lower_bound([[1], [1, 2]], 2, alpha=0.1)),
    ("limits", lambda: share_above(H, ["a"])),
    ("reference", lambda: linearised(R, reference="x")),
    ("mean", lambda: linearised(R, reference=1e300)),
    ("share", lambda: compare_quantiles([1.0], [2.0], share=[0.5, 0.9], t_opt=1.0)),  # type: ignore[arg-type]
    ("increments", lambda: Detector.start(1, [0.0]).observe([[1e308]])),
    ("information", lambda: mixtures.two_sided_bound(1e308, rho=1e308, alpha=0.05)),
    ("effect", lambda: power.sample_size_means(1e-160)),
    ("effect", lambda: power.power_means(1e200, 1e300)),
    ("n_first", lambda: power.power_means(1.0, 1e308)),
    ("p_treatment", lambda: power.sample_size_proportions(1e-200, 2e-200)),
    ("weights", lambda: multiple.split_alpha(0.05, 2, weights=[1.0])),
    ("log_p", lambda: multiple.holm(log_p=[0.1])),
    ("alpha", lambda: rejects(1.0, alpha=2)),
    ("p_control", lambda: power.sample_size_proportions(0.0, 0.5)),
    ("p_treatment", lambda: power.sample_size_proportions(0.5, 0.5)),
    ("effect", lambda: power.sample_size_means(0.0)),
    ("power", lambda: power.sample_size_means(0.1, alpha=0.5, power=0.4)),
    ("n_first", lambda: power.power_means(0.1, 1.0)),
    ("control_rate", lambda: power.requests_needed(2.0, share=0.5)),
    ("margin", lambda: power.requests_needed(0.1, share=0.5, margin=1.0)),
    ("log_weights", lambda: Detector.start(1, [0.0, 0.0])),
    ("increments", lambda: Detector.start(2, [0.0]).observe([[1.0]])),
    ("increments", lambda: Detector.start(1, [0.0]).observe([[NAN]])),
    ("looks", lambda: log_threshold(0.05, looks=0)),
    ("variance_control", lambda: mean_increments(S, variance_control=0.0, variance_treatment=1.0, v_opt=1.0)),
]


@pytest.mark.parametrize(("argument", "call"), CASES, ids=range(len(CASES)))
def test_bad_input_is_refused_by_name(argument: str, call: Callable[[], object]) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        call()
    assert refusal.value.argument == argument


SIZES = st.sampled_from([0, 1, 2, 3, 99, 100, 10**6, 10**9, 2**53])
SHARES = st.sampled_from([0.0, 1e-9, 0.5, 1.0])
VALUES = st.sampled_from([0.0, 1e-300, 1.0, 1e9, 1e140])


@settings(deadline=None)
@given(SIZES, SIZES, SHARES, SHARES)
def test_counts_of_any_size_warn_of_nothing(n_c: int, n_t: int, first: float, second: float) -> None:
    """Warnings are errors here: whatever the counts, every result is a number or the stated "no decision"."""
    control, treatment = Counts.of(n_c, int(n_c * first)), Counts.of(n_t, int(n_t * second))
    proportions.wilson(control)
    result = proportions.two_proportions(control, treatment)
    assert (result.status[0] == "ok") == (not np.isnan(result.p[0]))
    proportions.mantel_haenszel(proportions.Strata.of(control, treatment))
    noninferior_proportions(control, treatment, margin=0.1)
    rates = sequential_rates(RateEvidence.of(control, treatment, design=RateDesign.of()))
    assert np.isfinite([rates.log_e_harm[0], rates.log_e_noninferior[0]]).all()
    assert rates.low[0] <= rates.high[0]
    assert not np.isnan(sample_ratio.sample_ratio([n_c, n_t], [9, 1]).log_e[0])
    assert not np.isnan(sample_ratio.chi_square([n_c, n_t], [9, 1]).p[0])


@settings(deadline=None)
@given(SIZES, SIZES, VALUES, VALUES, VALUES)
def test_moments_of_any_size_warn_of_nothing(n_c: int, n_t: int, mean: float, first: float, second: float) -> None:
    control, treatment = Moments.from_variance(n_c, mean, first), Moments.from_variance(n_t, -mean, second)
    result = welch(control, treatment)
    assert (result.status[0] == "ok") <= (not np.isnan(result.p[0]))
    noninferior_means(control, treatment, margin=1.0)
    buckets = stratified.StratifiedMeans.of(control, treatment)
    sequential_means(buckets, MeanDesign.of(1.0))


def test_what_no_float_holds_is_no_decision() -> None:
    tiny = RatioMoments.from_sums(10, num=10, num2=20, den=1e-300, den2=0.0, product=0.0)
    ratios = compare_ratios(RatioMoments.from_sums(10, num=5, num2=5, den=20, den2=60, product=10), tiny)
    assert np.isnan([ratios.difference[0], ratios.p[0], ratios.relative[0], ratios.relative_error[0]]).all()
    assert ratios.status[0] == "insufficient_data"
    means = welch(Moments.from_variance(10, 1e-310, 1.0), Moments.from_variance(10, 1.0, 1.0))
    assert np.isnan(means.relative[0])
    most = proportions.two_proportions(Counts.of(2**53, 2**53 - 1), Counts.of(2**53, 2**53))
    assert np.isnan(most.exact_p[0])
    assert most.reported_p[0] == most.p[0]


def test_a_bound_holds_for_any_two_variances() -> None:
    """Reference for the first: mpmath with 50 digits; of two sides there is the closed form."""
    assert mixtures.one_sided_bound(1e300, rho=1e-300, alpha=0.05)[0] == pytest.approx(
        3.7231119053587626e151, rel=1e-12
    )
    reach = math.sqrt(1e300 * (600 * math.log(10) + 2 * math.log(20)))
    assert mixtures.two_sided_bound(1e300, rho=1e-300, alpha=0.05)[0] == pytest.approx(reach, rel=1e-12)
