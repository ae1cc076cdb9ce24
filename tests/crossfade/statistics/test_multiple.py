import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.errors import InvalidArgument
from crossfade.statistics.multiple import benjamini_hochberg, bonferroni, holm, split_alpha

FAMILY = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(FAMILY)
def test_the_order_of_the_family_does_not_matter(family: list[float]) -> None:
    order = np.random.default_rng(0).permutation(len(family))
    for adjust in (holm, benjamini_hochberg, bonferroni):
        assert adjust(np.array(family)[order]) == pytest.approx(adjust(family)[order])


@given(FAMILY)
def test_adjusting_never_helps_and_holm_lies_between(family: list[float]) -> None:
    by_bh, by_holm, by_bonferroni = benjamini_hochberg(family), holm(family), bonferroni(family)
    slack = 1e-12
    assert (np.array(family) <= by_bh + slack).all()
    assert (by_bh <= by_holm + slack).all()
    assert (by_holm <= by_bonferroni + slack).all()


@given(FAMILY)
def test_metrics_without_data_are_left_out_of_the_family(family: list[float]) -> None:
    with_gaps = [value for each in family for value in (math.nan, each)]
    for adjust in (holm, benjamini_hochberg, bonferroni):
        adjusted = adjust(with_gaps)
        assert np.isnan(adjusted[::2]).all()
        assert adjusted[1::2] == pytest.approx(adjust(family))


def test_a_p_value_at_its_limit_is_rejected() -> None:
    for adjust in (holm, benjamini_hochberg, bonferroni):
        for size in range(1, 60):
            assert adjust([0.05 / size, *[1.0] * (size - 1)])[0] == min(0.05 / size * size, 1)
    assert holm([0.025, 0.5])[0] == 0.05


def test_a_family_without_data_stays_without_decision() -> None:
    assert np.isnan(holm([math.nan, math.nan])).all()
    assert np.isnan(benjamini_hochberg([None, None])).all()  # type: ignore[arg-type]  # numpy reads None as NaN


def test_logarithms_adjust_what_no_float_can_tell() -> None:
    assert holm(log_p=[-2000.0, -1000.0, 0.0]) == pytest.approx([-2000 + math.log(3), -1000 + math.log(2), 0])


@given(st.floats(1e-6, 0.5), st.integers(1, 50))
def test_the_parts_of_alpha_never_exceed_the_whole(alpha: float, steps: int) -> None:
    parts = split_alpha(alpha, steps)
    assert math.fsum(parts) <= alpha
    assert math.fsum(parts) == pytest.approx(alpha)


def test_steps_may_share_alpha_unequally() -> None:
    assert split_alpha(0.05, 2, weights=[1, 4]) == pytest.approx([0.01, 0.04])


@pytest.mark.parametrize("bad", [[-0.1], [1.1], [math.inf], ["a"]])
def test_what_is_no_p_value_is_refused(bad: list[float]) -> None:
    for adjust in (holm, benjamini_hochberg, bonferroni):
        with pytest.raises(InvalidArgument) as refusal:
            adjust(bad)
        assert refusal.value.argument == "p"
