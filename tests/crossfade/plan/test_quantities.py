from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossfade.plan import quantities
from crossfade.plan.quantities import Bound, bound, duration, fraction, lasting, step_percentage

UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
YEAR_MS = 365 * UNITS["d"]
THOUSANDTHS = st.integers(1, 100_000).map(lambda number: Decimal(number) / 1000)
# Whatever a plan's text can hold.
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(),
    st.text(),
    st.from_regex(r"[-+]?[0-9.]{0,12}(ms|s|m|h|d|%| )*"),
    st.lists(st.integers(), max_size=2),
)


@given(st.integers(0, 10**10), st.sampled_from(sorted(UNITS)))
@settings(deadline=None)
def test_a_duration_is_its_number_of_units_up_to_a_year(number: int, unit: str) -> None:
    milliseconds = number * UNITS[unit]
    if milliseconds <= YEAR_MS and number < 10**10:
        assert duration(f"{number}{unit}") == timedelta(milliseconds=milliseconds)
    else:
        with pytest.raises(ValueError, match="duration"):
            duration(f"{number}{unit}")


@pytest.mark.parametrize(
    "text", ["", "5", "5 m", "05m", "+5m", "-5m", "5M", "5m ", "5m\n", "1h30m", "1.5h", "m", "\u0665m"]
)
def test_a_duration_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError, match="write a duration such as"):
        duration(text)


def test_a_duration_that_must_last_is_not_zero() -> None:
    assert lasting("1ms") == timedelta(milliseconds=1)
    with pytest.raises(ValueError, match="longer than zero"):
        lasting("0s")


@given(THOUSANDTHS)
@settings(deadline=None)
def test_a_percentage_is_exact(percentage: Decimal) -> None:
    assert step_percentage(percentage) == percentage


@given(st.decimals(allow_nan=True, allow_infinity=True, places=None))
@settings(deadline=None)
def test_a_percentage_is_above_0_at_most_100_and_no_finer_than_0_001(number: Decimal) -> None:
    allowed = number.is_finite() and 0 < number <= 100 and number * 1000 % 1 == 0
    if allowed:
        assert step_percentage(number) == number
    else:
        with pytest.raises(ValueError, match="a percentage is a number above 0"):
            step_percentage(number)


@given(st.integers(0, 100_000))
@settings(deadline=None)
def test_a_fraction_is_the_same_as_percent_and_as_number(thousandths: int) -> None:
    percent = Decimal(thousandths) / 1000

    assert fraction(f"{percent}%") == fraction(percent / 100) == percent / 100


@given(st.decimals(Decimal("0.001"), 10_000, places=3))
@settings(deadline=None)
def test_a_sign_makes_a_bound_a_change(percent: Decimal) -> None:
    assert bound(f"{percent}%") == Bound(percent / 100, is_percent=True)
    assert bound(f"+{percent}%") == Bound(percent / 100, is_percent=True, is_change=True)
    assert bound(f"-{percent}%") == Bound(-percent / 100, is_percent=True, is_change=True)


@given(st.integers(-(10**12), 10**12))
@settings(deadline=None)
def test_a_bound_without_percent_is_a_plain_number(number: int) -> None:
    assert bound(number) == Bound(Decimal(number))


READERS: list[Callable[[object], object]] = [
    quantities.duration,
    quantities.lasting,
    quantities.step_percentage,
    quantities.fraction,
    quantities.proper_fraction,
    quantities.share,
    quantities.bound,
    quantities.number,
    quantities.required_metrics,
    quantities.attribute_value,
]


@pytest.mark.parametrize("read", READERS)
@given(value=ANYTHING)
@settings(max_examples=40, deadline=None)
def test_a_quantity_is_read_or_refused_without_repeating_it(read: Callable[[object], object], value: object) -> None:
    refused = ""
    try:
        read(value)
    except ValueError as error:
        refused = str(error)
    assert not (isinstance(value, str) and len(value) > 8 and value in refused)
