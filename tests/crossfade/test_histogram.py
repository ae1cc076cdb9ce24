from random import Random
from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.histogram import ACCURACY, GAMMA, decode, encode, estimate, index, merge, quantile

values = st.floats(1e-9, 1e12)
counts = st.dictionaries(st.integers(-(2**15), 2**15 - 1), st.integers(1, 2**31), max_size=20)


@given(values)
def test_a_value_is_told_again_within_1_percent(value: float) -> None:
    assert abs(estimate(index(value)) - value) <= value * ACCURACY * (1 + 1e-9)


@given(values, values)
def test_the_order_of_values_is_kept(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert index(low) <= index(high)


@given(values)
def test_a_bucket_holds_what_lies_above_the_one_below(value: float) -> None:
    assert GAMMA ** (index(value) - 1) * (1 - 1e-9) <= value <= GAMMA ** index(value) * (1 + 1e-9)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), float("-inf")])
def test_what_has_no_logarithm_has_no_bucket(value: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        index(value)


@pytest.mark.parametrize("value", [5e-324, 1.7e308])
def test_the_extremes_of_floats_fit_two_bytes(value: float) -> None:
    assert decode(encode({index(value): 1})) == {index(value): 1}


@given(counts, counts, counts)
def test_merging_is_associative_and_commutative(
    one: dict[int, int], two: dict[int, int], three: dict[int, int]
) -> None:
    together = merge([one, two, three])
    assert merge([merge([one, two]), three]) == together
    assert merge([one, merge([two, three])]) == together
    assert merge([three, one, two]) == together


@given(counts)
def test_encoding_keeps_every_count(histogram: dict[int, int]) -> None:
    assert decode(encode(histogram)) == histogram


@given(counts, counts)
def test_two_encodings_in_a_row_are_the_merged_histogram(one: dict[int, int], other: dict[int, int]) -> None:
    assert decode(encode(one) + encode(other)) == merge([one, other])


def test_the_bytes_are_as_they_are_stored() -> None:
    assert encode({3: 1, -2: 258}).hex() == "feff02010000" + "030001000000"


def test_a_count_beyond_32_bits_takes_several_records() -> None:
    assert decode(encode({1: 2**33 + 5})) == {1: 2**33 + 5}


def test_a_cut_off_encoding_is_refused() -> None:
    with pytest.raises(ValueError, match="cut off"):
        decode(encode({1: 1})[:-1])


@pytest.mark.parametrize("shape", ["lognormal", "pareto", "uniform"])
def test_every_quantile_is_right_within_1_percent(shape: str) -> None:
    random = Random(11)
    draws = [
        (random.lognormvariate(3, 2), random.paretovariate(1.1), random.uniform(0.001, 1e3)) for _ in range(10_001)
    ]
    samples = sorted(draw[["lognormal", "pareto", "uniform"].index(shape)] for draw in draws)
    histogram = merge({index(value): 1} for value in samples)
    for percent, exact in enumerate(quantiles(samples, n=100, method="inclusive"), start=1):
        assert quantile(histogram, percent / 100) == pytest.approx(exact, rel=0.0101)


def test_zeros_count_as_the_smallest_values() -> None:
    assert quantile({0: 10}, 0.5, zeros=90) == 0.0
    assert quantile({0: 10}, 0.95, zeros=90) == estimate(0)
    assert quantile({}, 0.5) is None
    assert quantile({}, 0.5, zeros=1) == 0.0
