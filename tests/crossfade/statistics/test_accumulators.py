import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.statistics.accumulators import Moments, RatioMoments, mean_difference

SAMPLES = st.lists(st.floats(-1e6, 1e6), max_size=20)


@given(SAMPLES, SAMPLES, SAMPLES)
def test_merging_in_any_order_gives_the_moments_of_all_values(a: list[float], b: list[float], c: list[float]) -> None:
    together = Moments.of([*a, *b, *c])
    for merged in (
        (Moments.of(a) + Moments.of(b)) + Moments.of(c),
        Moments.of(a) + (Moments.of(b) + Moments.of(c)),
        Moments.of(c) + Moments.of(a) + Moments.of(b),
    ):
        assert merged.n[0] == together.n[0]
        assert merged.mean[0] == pytest.approx(together.mean[0], rel=1e-12, abs=1e-9)
        assert merged.m2[0] == pytest.approx(together.m2[0], rel=1e-9, abs=1e-3)


def test_a_mean_of_1e9_keeps_the_digits_of_a_deviation_of_1() -> None:
    rng = np.random.default_rng(5)
    whole = rng.integers(-3000, 3000, 4000)
    # Halves of a 1024th are exact in a float near 1e9, so the values lose nothing and the truth is known.
    values, small = 1e9 + whole / 1024, whole / 1024
    streamed = Moments.of(values[:10])
    for start in range(10, 4000, 10):
        streamed = streamed + Moments.of(values[start : start + 10])
    assert streamed.variance[0] == pytest.approx(small.var(ddof=1), rel=1e-12)
    origin = Moments.of([1e9, 1e9])
    assert mean_difference(origin, streamed)[0] == pytest.approx(small.mean(), rel=1e-9)


def test_sums_and_raw_values_give_the_same_moments() -> None:
    values = np.random.default_rng(1).normal(5, 2, 100)
    from_sums = Moments.from_sums(100, values.sum(), (values**2).sum())
    assert from_sums.mean[0] == pytest.approx(Moments.of(values).mean[0])
    assert from_sums.variance[0] == pytest.approx(Moments.of(values).variance[0])


def test_an_empty_arm_has_neither_mean_nor_variance() -> None:
    empty = Moments.from_variance(0, np.nan, np.nan)
    assert (empty.mean[0], empty.m2[0]) == (0, 0)
    assert np.isnan(empty.variance[0])
    assert (empty + Moments.of([1.0, 3.0])).mean[0] == 2


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0, 100)), min_size=2, max_size=20))
def test_merged_pairs_are_the_pairs_of_both(pairs: list[tuple[float, float]]) -> None:
    above, below = np.array(pairs).T
    merged = RatioMoments.of(above[:1], below[:1]) + RatioMoments.of(above[1:], below[1:])
    assert merged.comoment[0] == pytest.approx(RatioMoments.of(above, below).comoment[0], abs=1e-6)


@pytest.mark.parametrize("ratio", [1e3, 1e6])
def test_sums_lose_no_digit_that_they_have(ratio: float) -> None:
    """A mean far above the deviation; the truth in fractions, of the sums as they were rounded."""
    rng = np.random.default_rng(3)
    above, below = rng.integers(-3000, 3000, 500) / 1000 + ratio, rng.integers(1, 9, 500) + ratio
    sums = [math.fsum(each) for each in (above, above**2, below, below**2, above * below)]
    kept = RatioMoments.from_sums(500, **dict(zip(("num", "num2", "den", "den2", "product"), sums, strict=True)))
    num, num2, den, den2, product = map(Fraction, sums)
    for found, truth in (
        (kept.numerator.m2[0], num2 - num * num / 500),
        (kept.denominator.m2[0], den2 - den * den / 500),
        (kept.comoment[0], product - num * den / 500),
    ):
        assert found == pytest.approx(float(truth), rel=1e-12)


def test_a_rounded_mean_is_kept_with_its_rest() -> None:
    kept = Moments.from_sums(3, 1.0, 1.0)
    assert Fraction(kept.mean[0]) + Fraction(kept.rest[0]) == pytest.approx(Fraction(1, 3), rel=1e-30)


def test_pairs_of_no_units_are_empty() -> None:
    empty = RatioMoments.of([], [])
    assert (empty.numerator.n[0], empty.comoment[0]) == (0, 0)
