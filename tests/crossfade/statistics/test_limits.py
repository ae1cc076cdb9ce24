import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from crossfade.errors import InvalidArgument
from crossfade.statistics.limits import lower_bound, upper_bound

ALPHAS = st.sampled_from([1e-5, 1e-4, 1e-3, 0.05])


def test_bounds_agree_with_scipys_exact_interval() -> None:
    for events, trials in [(0, 10), (1, 10), (10, 10), (7, 412), (3, 100_000)]:
        peer = stats.binomtest(events, trials).proportion_ci(confidence_level=0.998, method="exact")
        assert lower_bound(events, trials, alpha=1e-3)[0] == pytest.approx(peer.low, rel=1e-9)
        assert upper_bound(events, trials, alpha=1e-3)[0] == pytest.approx(peer.high, rel=1e-9)


@given(trials=st.integers(1, 10**9), share=st.floats(0, 1), alpha=ALPHAS)
def test_a_bound_is_where_the_tail_weighs_alpha(trials: int, share: float, alpha: float) -> None:
    """Clopper & Pearson's definition: P(X >= k | lower) = alpha = P(X <= k | upper)."""
    events = int(share * trials)
    if events > 0:
        lower = lower_bound(events, trials, alpha=alpha)[0]
        assert special.betainc(events, trials - events + 1, lower) == pytest.approx(alpha, rel=1e-3)
    if events < trials:
        upper = upper_bound(events, trials, alpha=alpha)[0]
        assert special.betaincc(events + 1, trials - events, upper) == pytest.approx(alpha, rel=1e-3)


@given(trials=st.integers(1, 10**6), share=st.floats(0, 1), alpha=ALPHAS)
def test_bounds_enclose_what_was_seen(trials: int, share: float, alpha: float) -> None:
    events = int(share * trials)
    assert lower_bound(events, trials, alpha=alpha)[0] <= events / trials <= upper_bound(events, trials, alpha=alpha)[0]


def test_the_ends_have_their_closed_forms() -> None:
    assert lower_bound(0, 1000, alpha=1e-3)[0] == 0
    assert upper_bound(1000, 1000, alpha=1e-3)[0] == 1
    assert upper_bound(0, 1000, alpha=0.05)[0] == pytest.approx(1 - 0.05 ** (1 / 1000), rel=1e-12)
    assert lower_bound(1000, 1000, alpha=0.05)[0] == pytest.approx(0.05 ** (1 / 1000), rel=1e-12)


def test_no_trials_bound_nothing() -> None:
    assert (lower_bound(0, 0, alpha=1e-3)[0], upper_bound(0, 0, alpha=1e-3)[0]) == (0, 1)


def test_a_billion_trials_keep_their_digits() -> None:
    assert upper_bound(0, 10**9, alpha=1e-5)[0] == pytest.approx(-math.log(1e-5) / 1e9, rel=1e-6)
    assert lower_bound(1, 10**9, alpha=1e-5)[0] == pytest.approx(1e-14, rel=1e-4)


def test_arrays_give_what_single_values_give() -> None:
    events, trials, alphas = np.array([0, 1, 5]), np.array([10, 10, 5]), np.array([1e-5, 1e-4, 1e-3])
    single = [lower_bound(int(k), int(n), alpha=float(a))[0] for k, n, a in zip(events, trials, alphas, strict=True)]
    assert lower_bound(events, trials, alpha=alphas).tolist() == single


def alarms(rate: float, *, runs: int, buckets: int, requests: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The bucket in which each run is taken back for "errors above 1 %" in nested windows; -1 for never."""
    errors = np.random.default_rng(11).binomial(requests, rate, (runs, buckets))
    sums = np.pad(errors.cumsum(axis=1), ((0, 0), (1, 0)))
    fired = np.zeros((runs, buckets), dtype=bool)
    for width, alpha in ((1, 1e-5), (6, 1e-4), (30, 1e-3)):
        ends = np.arange(1, buckets + 1)
        starts = np.maximum(ends - width, 0)
        fired |= lower_bound(sums[:, ends] - sums[:, starts], (ends - starts) * requests, alpha=alpha) > 0.01
    return np.where(fired.any(axis=1), fired.argmax(axis=1), -1)


def test_two_healthy_hours_are_not_rolled_back() -> None:
    """0.5 % errors under a limit of 1 %: "above the limit" taken at its word takes most of them back."""
    assert (alarms(0.005, runs=300, buckets=720, requests=100) >= 0).mean() <= 0.01
    errors = np.random.default_rng(11).binomial(100, 0.005, (300, 720))
    assert (errors / 100 > 0.01).any(axis=1).mean() > 0.9


def test_a_true_five_percent_is_found_within_a_minute() -> None:
    found = alarms(0.05, runs=300, buckets=12, requests=100)
    assert (found >= 0).all()
    assert np.quantile(found, 0.95) <= 5


@pytest.mark.parametrize(
    ("events", "trials", "alpha", "argument"),
    [
        (2, 1, 0.5, "events"),
        (-1, 1, 0.5, "events"),
        (0.5, 1, 0.5, "events"),
        (math.nan, 1, 0.5, "events"),
        (True, 1, 0.5, "events"),
        ("1", 1, 0.5, "events"),
        ([1, 1], [2, 2, 2], 0.5, "events"),
        (1, math.inf, 0.5, "trials"),
        (1, 2**53 + 2, 0.5, "trials"),
        (1, 2, 0, "alpha"),
        (1, 2, 1, "alpha"),
        (1, 2, math.nan, "alpha"),
    ],
)
def test_a_refusal_names_the_argument(events: object, trials: object, alpha: object, argument: str) -> None:
    for bound in (lower_bound, upper_bound):
        with pytest.raises(InvalidArgument) as refusal:
            bound(events, trials, alpha=alpha)  # type: ignore[arg-type] # wrong types are what is tested
        assert refusal.value.argument == argument
