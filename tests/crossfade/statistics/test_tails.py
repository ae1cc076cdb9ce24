import numpy as np
import pytest
from scipy import special

from crossfade.statistics.tails import log_chi_square, log_normal, log_scaled_normal, log_student, probability


def test_deep_tails_agree_with_60_digit_arithmetic() -> None:
    logs = log_student(np.array([-40.0, -1e3, -1e5]), np.array([399998.0, 150.5, 90.0]))
    assert logs == pytest.approx([-803.010692564978865, -665.755278609654146, -836.84347817205658], rel=1e-11)


def test_a_scaled_normal_tail_is_that_of_scipy_and_finite_far_out() -> None:
    z = np.linspace(-30, 40, 281)
    assert log_scaled_normal(z) == pytest.approx(np.log(2) + special.log_ndtr(z) + z**2 / 2, rel=1e-11, abs=1e-11)
    # By the asymptotic series 1 / (|z| sqrt(pi / 2)), and by a probability of 1.
    far = log_scaled_normal(np.array([-1e150, 1e150]))
    assert far == pytest.approx([-150 * np.log(10) - np.log(np.pi / 2) / 2, 5e299])


def test_deep_chi_square_tails_have_their_closed_forms() -> None:
    x = np.array([3000.0, 5000.0, 1e6])
    assert log_chi_square(x, np.full(3, 2.0)) == pytest.approx(-x / 2, rel=1e-13)
    assert log_chi_square(x, np.full(3, 4.0)) == pytest.approx(-x / 2 + np.log1p(x / 2), rel=1e-13)


def test_logarithms_continue_where_the_probability_ends() -> None:
    """On both sides of the change of method the curve is the same: it falls by its slope."""
    x = np.linspace(1270, 1300, 61)
    steps = np.diff(log_chi_square(x, np.full(61, 4.0)))
    assert np.allclose(np.diff(steps), 0, atol=1e-4)
    t = -np.linspace(35.0, 37.5, 51)
    assert np.allclose(np.diff(log_student(t, np.full(51, 1e6)), 2), -(0.05**2), atol=2e-5)


def test_a_probability_is_never_told_as_0() -> None:
    assert probability(log_normal(np.array([1e3])))[0] > 0
    assert probability(np.array([-np.inf]))[0] > 0


def test_no_decision_stays_no_decision() -> None:
    assert np.isnan(probability(np.array([np.nan]))[0])
    assert np.isnan(log_student(np.array([np.nan]), np.array([5.0]))[0])
