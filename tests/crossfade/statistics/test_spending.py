import numpy as np
import pytest
from scipy import stats

from crossfade.errors import InvalidArgument
from crossfade.statistics.spending import group_sequential_bounds, power_spending


@pytest.mark.parametrize("sides", [1, 2])
def test_a_single_look_has_the_bound_of_a_single_test(sides: int) -> None:
    assert group_sequential_bounds([1.0], [0.05], sides=sides)[0] == pytest.approx(stats.norm.isf(0.05 / sides))


@pytest.mark.parametrize("sides", [1, 2])
def test_paths_without_drift_cross_as_often_as_planned(sides: int) -> None:
    fractions = np.array([0.2, 0.5, 0.6, 1.0])
    spent = power_spending(fractions, alpha=0.1, power=1.5)
    bounds = group_sequential_bounds(fractions, spent, sides=sides)
    steps = np.random.default_rng(1).normal(0, np.sqrt(np.diff(fractions, prepend=0)), (200_000, 4))
    z = steps.cumsum(axis=1) / np.sqrt(fractions)
    crossed = np.maximum.accumulate((np.abs(z) if sides == 2 else z) >= bounds, axis=1)
    assert crossed.mean(axis=0) == pytest.approx(spent, abs=0.003)


@pytest.mark.parametrize("bad", [[0.5, 0.5], [0.5, 1.1], [0.0, 1.0], [1.0, 0.5]])
def test_fractions_must_rise_to_at_most_1(bad: list[float]) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        power_spending(bad)
    assert refusal.value.argument == "fractions"


def test_one_error_probability_per_look_is_needed() -> None:
    with pytest.raises(InvalidArgument) as refusal:
        group_sequential_bounds([0.5, 1.0], [0.05])
    assert refusal.value.argument == "spent"
