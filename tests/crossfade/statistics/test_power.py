import math

import numpy as np
import pytest

from crossfade.statistics.accumulators import Counts
from crossfade.statistics.power import (
    days_left,
    power_means,
    requests_needed,
    sample_size_means,
    sample_size_proportions,
)
from crossfade.statistics.rates import RateDesign, RateEvidence, sequential_rates


def test_a_sample_of_the_planned_size_has_the_planned_power() -> None:
    effects, ratios = np.array([0.05, 0.2, 0.5, -0.5]), np.array([1.0, 4.0, 0.5, 1.0])
    sizes = sample_size_means(effects, power=0.9, ratio=ratios)
    assert power_means(effects, sizes, ratio=ratios) == pytest.approx([0.9] * 4)


def test_the_power_is_right_where_scipy_has_no_lower_tail() -> None:
    """References: the density of the chi distribution integrated with mpmath and scipy's quad."""
    found = [
        power_means(9.7223684, 2.5664486, ratio=0.38417, alpha=0.01145)[0],
        power_means(5.7575, 5, ratio=0.5, alpha=0.001)[0],
        power_means(16.4902, 5, ratio=0.1, alpha=1e-4)[0],
    ]
    assert found == pytest.approx([0.3141564054795, 0.7460847145966, 0.1563411295927], rel=1e-10)
    assert sample_size_means(1.0, alpha=1e-4, power=0.95)[0] == pytest.approx(65.087415457, rel=1e-9)


def test_without_an_effect_the_power_is_alpha() -> None:
    assert power_means(0.0, 1000, alpha=0.03)[0] == pytest.approx(0.03)


def test_huge_samples_find_everything() -> None:
    assert power_means([1.0, 5.0, 1e-3], [1e9, 1e3, 1e12]) == pytest.approx([1, 1, 1])


def test_more_control_saves_treatment() -> None:
    sizes = sample_size_proportions(0.01, 0.02, control_per_treatment=[1, 9, 99])
    assert sizes[0] > sizes[1] > sizes[2]


def test_requests_needed_decide_in_four_of_five_healthy_steps() -> None:
    rng, rate, share = np.random.default_rng(6), 0.01, 0.25
    n_t = round(requests_needed(rate, share=share)[0])
    n_c = round(n_t * (1 - share) / share)
    control, treatment = Counts.of(n_c, rng.binomial(n_c, rate, 2000)), Counts.of(n_t, rng.binomial(n_t, rate, 2000))
    look = sequential_rates(RateEvidence.of(control, treatment, design=RateDesign.of()))
    assert 0.75 < (look.log_e_noninferior >= math.log(20)).mean() < 0.85


def test_a_control_without_errors_can_never_rule_out_a_ratio() -> None:
    assert requests_needed(0.0, share=0.5)[0] == math.inf


def waiting(delta: float, *, per_day: float = 100.0) -> float:
    days = days_left(
        delta=delta,
        weight=0.0,
        information=0.0,
        weight_per_day=per_day,
        information_per_day=per_day,
        v_opt=1000.0,
    )
    return float(days[0])


def test_smaller_differences_and_slower_traffic_take_longer() -> None:
    assert 0 < waiting(1.0) < waiting(0.5) < waiting(0.25)
    assert waiting(0.5) < waiting(0.5, per_day=50.0)


def test_beyond_90_days_it_is_never() -> None:
    assert waiting(1e-3) == math.inf
    assert waiting(1.0, per_day=0.0) == math.inf


def test_what_is_decided_takes_no_more_days() -> None:
    decided = days_left(delta=1.0, weight=1e4, information=1e4, weight_per_day=1, information_per_day=1, v_opt=1000.0)
    assert decided[0] == 0
