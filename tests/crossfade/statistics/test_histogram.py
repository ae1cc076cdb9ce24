import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade import histogram as single
from crossfade.errors import InvalidArgument
from crossfade.statistics.histogram import Histograms, encode, indexes

VALUES = st.lists(st.floats(1e-9, 1e9), max_size=60)


@given(st.lists(st.floats(min_value=5e-324, allow_infinity=False), min_size=1))
def test_the_twin_finds_the_same_bucket(values: list[float]) -> None:
    assert indexes(values).tolist() == [single.index(value) for value in values]


def test_the_twin_finds_the_same_bucket_at_every_edge() -> None:
    edges = [single.GAMMA**power for power in range(-2000, 2001)]
    near = [value for edge in edges for value in (math.nextafter(edge, 0), edge, math.nextafter(edge, math.inf))]
    assert indexes(near).tolist() == [single.index(value) for value in near]


@given(VALUES)
def test_the_twin_writes_the_same_bytes(values: list[float]) -> None:
    assert encode(values) == single.encode(Counter(map(single.index, values)))


@given(st.lists(VALUES, max_size=5), st.floats(1e-9, 1e9))
def test_many_histograms_give_what_single_ones_give(samples: list[list[float]], limit: float) -> None:
    histograms = Histograms.decoded([encode(values) for values in samples])
    edge = single.index(limit)
    assert histograms.totals().tolist() == [len(values) for values in samples]
    assert histograms.above(limit).tolist() == [sum(single.index(v) > edge for v in values) for values in samples]


@given(st.lists(st.tuples(VALUES, st.integers(0, 20)), max_size=5), st.floats(0, 1))
def test_quantiles_are_those_of_the_single_histogram(samples: list[tuple[list[float], int]], share: float) -> None:
    histograms = Histograms.decoded([encode(values) for values, _ in samples])
    told = histograms.quantiles(share, zeros=[zeros for _, zeros in samples]).tolist()
    for quantile, (values, zeros) in zip(told, samples, strict=True):
        expected = single.quantile(Counter(map(single.index, values)), share, zeros=zeros)
        assert math.isnan(quantile) if expected is None else quantile == pytest.approx(expected, rel=1e-12)


@given(VALUES, VALUES)
def test_encodings_in_a_row_are_one_histogram(first: list[float], second: list[float]) -> None:
    apart, together = Histograms.decoded([encode(first) + encode(second), encode(first + second)]).above(1.0)
    assert apart == together


@given(st.lists(st.lists(VALUES, max_size=3), max_size=5), st.floats(0, 1))
def test_summing_gives_what_sorting_gives(samples: list[list[list[float]]], share: float) -> None:
    encodings = [b"".join(encode(values) for values in rows) for rows in samples]
    summed, sorted_ = Histograms.summed(encodings), Histograms.decoded(encodings)
    assert summed.totals().tolist() == sorted_.totals().tolist()
    assert np.array_equal(summed.quantiles(share), sorted_.quantiles(share), equal_nan=True)


def test_values_far_apart_in_many_histograms_are_summed_without_a_large_table() -> None:
    far = single.encode({single.LOWEST: 1, single.HIGHEST: 2})
    many = Histograms.summed([far + far] * 100)
    assert many.totals().tolist() == [6] * 100
    assert many.above(1.0).tolist() == [4] * 100


def test_a_quantile_is_right_within_one_percent() -> None:
    values = np.random.default_rng(7).lognormal(3, 1.5, 20_000)
    for share in (0.5, 0.95, 0.999):
        told = Histograms.decoded([encode(values)]).quantiles(share)[0]
        assert told == pytest.approx(np.quantile(values, share, method="lower"), rel=0.01)


def test_the_bucket_of_the_limit_counts_as_not_above() -> None:
    same_bucket = [500.0, single.estimate(single.index(500.0))]
    histograms = Histograms.decoded([encode([*same_bucket, 520.0])])
    assert histograms.above(500.0).tolist() == [1]


def test_every_value_is_above_a_limit_of_zero() -> None:
    assert Histograms.decoded([encode([1e-300, 5.0])]).above(0).tolist() == [2]


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf])
def test_a_value_without_a_bucket_is_refused_by_name(bad: float) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        encode([1.0, bad])
    assert refusal.value.argument == "values"


def test_a_cut_off_encoding_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgument) as refusal:
        Histograms.decoded([encode([1.0])[:-1]])
    assert refusal.value.argument == "encodings"
