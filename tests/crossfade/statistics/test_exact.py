from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crossfade.statistics.exact import cross_difference, quotient, two_product, two_sum

NUMBERS = st.floats(-1e100, 1e100).filter(lambda value: value == 0 or abs(value) > 1e-100)
COUNTS = st.integers(0, 2**53)


@given(NUMBERS, NUMBERS)
def test_sum_and_product_lose_nothing(first: float, second: float) -> None:
    one, other = np.array([first]), np.array([second])
    nearest, lost = two_sum(one, other)
    assert Fraction(nearest[0]) + Fraction(lost[0]) == Fraction(first) + Fraction(second)
    nearest, lost = two_product(one, other)
    assert Fraction(nearest[0]) + Fraction(lost[0]) == Fraction(first) * Fraction(second)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_a_difference_of_products_is_right_to_the_last_digits(a: int, b: int, c: int, d: int) -> None:
    found = cross_difference(*(np.array([float(each)]) for each in (a, b, c, d)))[0]
    truth = a * b - c * d
    assert abs(Fraction(found) - truth) <= abs(truth) * Fraction(1, 2**50)


@given(st.floats(-1e9, 1e9).filter(lambda value: value == 0 or abs(value) > 1e-9), st.integers(1, 2**53))
def test_a_quotient_and_its_rest_are_the_fraction(total: float, size: int) -> None:
    nearest, rest = quotient(np.array([total]), np.array([float(size)]))
    truth = Fraction(total) / size
    assert abs(Fraction(nearest[0]) + Fraction(rest[0]) - truth) <= abs(truth) * Fraction(1, 2**100)
