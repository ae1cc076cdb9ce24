import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.errors import InvalidPercentage
from crossfade.percentages import json_number, percentage

THOUSANDTHS = st.integers(0, 100_000).map(lambda n: Decimal(n) / 1000)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(0, "0"), (100, "100"), (0.1, "0.1"), ("0.001", "0.001"), (99.999, "99.999"), (Decimal("2.50E+1"), "25")],
)
def test_a_percentage_is_read_exactly(given: Decimal | float | str, expected: str) -> None:
    assert str(percentage(given)) == expected


@pytest.mark.parametrize(
    "wrong", [-0.001, 100.001, "NaN", float("nan"), float("inf"), "-Infinity", "", "x", "0.0001", True]
)
def test_what_is_no_percentage_is_refused(wrong: Decimal | float | str) -> None:
    with pytest.raises(InvalidPercentage):
        percentage(wrong)


@given(THOUSANDTHS)
def test_every_percentage_survives_the_way_through_json(value: Decimal) -> None:
    assert percentage(json.loads(json.dumps(json_number(value)))) == value
    assert percentage(json.loads(json.dumps(json_number(value)), parse_float=Decimal)) == value
