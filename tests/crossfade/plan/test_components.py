import math
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from crossfade import checkpoints, conditions
from crossfade.plan.components import smallest_sample
from crossfade.plan.settings import AttributeOperator


@given(st.floats(1e-6, 0.9), st.floats(0.5, 0.9999))
@settings(deadline=None)
def test_the_smallest_sample_is_the_one_that_the_judge_asks_for(max_mismatch: float, confidence: float) -> None:
    assert smallest_sample(max_mismatch, confidence) == checkpoints.smallest_sample(max_mismatch, confidence)


@given(st.floats(1e-4, 0.9), st.floats(0.5, 0.9999))
@settings(deadline=None)
def test_the_smallest_sample_proves_the_bound_and_one_less_does_not(max_mismatch: float, confidence: float) -> None:
    """Without a mismatch in n calls the rate is below the limit at 1 - (1 - limit)^n confidence."""
    needed = smallest_sample(max_mismatch, confidence)
    doubt = 1 - confidence

    assert (1 - max_mismatch) ** needed <= doubt * (1 + 1e-6)
    assert needed == 1 or (1 - max_mismatch) ** (needed - 1) > doubt * (1 - 1e-6)


def test_the_rule_of_three_gives_the_known_samples() -> None:
    assert [smallest_sample(limit, 0.95) for limit in (0.05, 0.02, 0.01, 0.001)] == [59, 149, 299, 2995]
    assert math.isclose(smallest_sample(0.001, 0.95), 3 / 0.001, rel_tol=0.002)


def test_a_plan_knows_the_operators_of_conditions() -> None:
    assert set(get_args(AttributeOperator)) == conditions.OPERATORS
