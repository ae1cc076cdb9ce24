import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from crossfade.statistics.accumulators import Counts
from crossfade.statistics.evidence import log_p_value, peak, rejects
from crossfade.statistics.rates import RateDesign, RateEvidence, sequential_rates

DESIGN = RateDesign.of(1.0, 1.5)
BUCKETS = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 40), st.integers(0, 5000), st.integers(0, 40)).map(
        lambda four: (four[0] + four[1], four[1], four[2] + four[3], four[3])
    ),
    min_size=1,
    max_size=6,
)


def evidence(*buckets: tuple[int, int, int, int], design: RateDesign = DESIGN) -> RateEvidence:
    """From (n_c, x_c, n_t, x_t) of each bucket."""
    n_c, x_c, n_t, x_t = np.array(buckets).T
    return RateEvidence.over_buckets(Counts.of(n_c, x_c), Counts.of(n_t, x_t), design=design)


@settings(deadline=None)
@given(BUCKETS, BUCKETS)
def test_folding_bucket_by_bucket_loses_nothing(
    first: list[tuple[int, int, int, int]], second: list[tuple[int, int, int, int]]
) -> None:
    folded = evidence(*first) + evidence(*second)
    assert folded.log_likelihood == pytest.approx(evidence(*first, *second).log_likelihood, abs=1e-9)


@settings(deadline=None)
@given(BUCKETS)
def test_what_the_interval_leaves_out_the_mixture_rejects(buckets: list[tuple[int, int, int, int]]) -> None:
    """Just outside the ends the e-value against that very ratio is at least 1/alpha, by brute force."""
    look = sequential_rates(evidence(*buckets), alpha=0.05)
    grid = np.linspace(-3.5, 3.5, 121)
    weights = np.exp(-(grid**2) / (2 * 0.7**2))
    n_c, x_c, n_t, x_t = np.array(buckets, dtype=float).T

    def log_l(theta: float) -> float:
        share = n_t / np.maximum(n_c + n_t, 1)
        return float((x_t * theta - (x_c + x_t) * np.log1p(np.expm1(theta) * share)).sum())

    logs = np.array([log_l(theta) for theta in grid])
    mixture = np.log((weights / weights.sum() * np.exp(logs - logs.max())).sum()) + logs.max()
    for end, outwards in ((look.low[0], -1e-6), (look.high[0], 1e-6)):
        if 0 < end < np.inf:
            assert mixture - log_l(float(np.log(end)) + outwards) >= np.log(20) - 1e-6
    assert look.low[0] < look.high[0]


def test_a_falling_baseline_does_not_hide_harm_that_totals_hide() -> None:
    """Simpson: in total candidate looks better, since it came when errors were rarer; in each bucket it is worse."""
    buckets = [(99_000, 1980, 1000, 30), (50_000, 250, 50_000, 400)]
    totals = np.array(buckets).sum(axis=0)
    assert totals[3] / totals[2] < totals[1] / totals[0]
    assert rejects(sequential_rates(evidence(*buckets)).log_e_harm, alpha=0.001)[0]


def test_no_event_is_no_evidence() -> None:
    look = sequential_rates(evidence((1000, 0, 10, 0)))
    assert look.log_e_harm[0] == pytest.approx(0, abs=1e-12)
    assert (look.low[0], look.high[0]) == (0, np.inf)
    assert np.isnan(look.ratio[0])


def test_harm_is_found_against_a_control_without_any_error() -> None:
    look = sequential_rates(evidence((10_000, 0, 1000, 12)))
    assert rejects(look.log_e_harm, alpha=1e-3)[0]
    assert look.ratio[0] == np.inf
    assert look.low[0] > 1


def test_few_healthy_requests_prove_nothing_and_many_do() -> None:
    assert not rejects(sequential_rates(evidence((10_000, 50, 500, 2))).log_e_noninferior, alpha=0.05)[0]
    assert rejects(sequential_rates(evidence((200_000, 1000, 100_000, 500))).log_e_noninferior, alpha=0.05)[0]


def test_a_billion_requests_keep_their_digits() -> None:
    look = sequential_rates(evidence((10**9, 5_000_000, 10**9, 5_010_000)))
    assert look.low[0] <= 1.002 <= look.high[0]
    assert look.ratio[0] == pytest.approx(1.002)
    assert np.isfinite(look.log_e_harm[0])


def test_an_always_valid_p_is_that_of_the_best_look_and_ignores_looks_without_decision() -> None:
    peaks = peak(peak(0.0, [3.0, np.nan]), [1.0, 2.0])
    assert peaks.tolist() == [3.0, 2.0]
    assert log_p_value(peaks).tolist() == [-3.0, -2.0]
    assert log_p_value(-5.0) == 0
    assert not rejects(np.nan, alpha=0.05)[0]


def test_each_metric_may_have_its_own_ratios() -> None:
    control, treatment = Counts.of([5179, 5179], [37, 37]), Counts.of([520, 520], [9, 9])
    both = sequential_rates(RateEvidence.of(control, treatment, design=RateDesign.of([1.0, 1.5], [1.5, 3.0])))
    alone = sequential_rates(evidence((5179, 37, 520, 9), design=RateDesign.of(1.5, 3.0)))
    assert both.log_e_harm[1] == pytest.approx(alone.log_e_harm[0])
    assert both.log_e_noninferior[1] == pytest.approx(alone.log_e_noninferior[0])


def test_a_hundred_looks_at_a_ramp_with_a_drifting_baseline_raise_few_false_alarms() -> None:
    """1/5/25/50 %, errors drifting from 0.5 to 1 % in both arms: Ville's bound holds, where totals fail."""
    rng, runs, looks = np.random.default_rng(20), 300, 100
    shares = np.repeat([0.01, 0.05, 0.25, 0.5], looks // 4)
    highest = np.zeros(runs)
    folded: RateEvidence | None = None
    for look, share in enumerate(shares):
        n_t = round(1000 * share)
        rate = 0.005 * (1 + look / looks)
        control = Counts.of(1000 - n_t, rng.binomial(1000 - n_t, rate, runs))
        treatment = Counts.of(n_t, rng.binomial(n_t, rate, runs))
        bucket = RateEvidence.of(control, treatment, design=DESIGN)
        folded = bucket if folded is None else folded + bucket
        highest = peak(highest, sequential_rates(folded).log_e_harm)
    assert rejects(highest, alpha=0.05).mean() <= 0.05


@pytest.mark.parametrize(
    "four", [(5179, 37, 520, 9), (10**6, 1000, 10**6, 90_000), (10**6, 90_000, 10**6, 1000)], ids=["few", "up", "down"]
)
def test_evidence_beyond_the_range_of_a_float_keeps_its_digits(four: tuple[int, int, int, int]) -> None:
    """Likelihood ratios of e**50000 and e**-50000, beside an ordinary metric, against scipy's logsumexp."""
    n_c, x_c, n_t, x_t = four
    look = sequential_rates(
        RateEvidence.of(Counts.of([n_c, 5179], [x_c, 37]), Counts.of([n_t, 520], [x_t, 9]), design=DESIGN)
    )
    steps = np.arange(1, 61) * np.log(20) / 60
    weights = np.exp(-(steps**2) / (2 * 0.7**2))
    for told, ratio, sign in ((look.log_e_harm, 1.0, 1), (look.log_e_noninferior, 1.5, -1)):
        ratios = ratio * np.exp(sign * np.append(0.0, steps))
        logs = x_t * np.log(ratios) - (x_c + x_t) * np.log(ratios * n_t + n_c)
        expected = special.logsumexp(logs[1:] - logs[0], b=weights / weights.sum())
        assert told[0] == pytest.approx(expected, rel=1e-10)
