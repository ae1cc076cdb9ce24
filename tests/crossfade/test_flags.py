import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.errors import InvalidFlag, InvalidPercentage
from crossfade.flags import (
    AttributeCondition,
    Conditions,
    Flag,
    from_conditions,
    from_definition,
    to_conditions,
    to_definition,
)
from crossfade.states import Variant
from tests.crossfade.flag_builder import flag

percentages = st.integers(0, 100_000).map(lambda n: Decimal(n) / 1000)
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
scalars = st.one_of(
    texts, st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
)
conditions = st.builds(
    Conditions,
    environment=st.none() | texts,
    user_groups=st.lists(texts, max_size=3).map(tuple),
    attributes=st.dictionaries(
        texts,
        st.builds(
            AttributeCondition, op=st.sampled_from(["in", "gt", "new"]), values=st.lists(scalars, max_size=3).map(tuple)
        ),
        max_size=3,
    ),
)
flags = st.builds(
    Flag,
    name=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,127}", fullmatch=True),
    environment=texts,
    enabled=st.booleans(),
    percentage=percentages,
    ceiling=percentages,
    conditions=conditions,
    overrides=st.dictionaries(texts, st.sampled_from(Variant), max_size=3),
    fallback_enabled=st.booleans(),
    salt=texts,
    targeting_key=texts,
    revision=st.integers(0, 2**53),
    epoch=st.integers(0, 2**53),
    is_live=st.booleans(),
    shadow_share=st.integers(0, 1000).map(lambda n: Decimal(n) / 1000),
)


@given(flags)
def test_every_flag_survives_its_journey_as_json(flag: Flag) -> None:
    text = json.dumps(to_definition(flag))
    assert from_definition(json.loads(text)) == flag
    assert from_definition(json.loads(text, parse_float=Decimal)) == flag


@given(conditions)
def test_conditions_survive_their_journey_as_json(conditions: Conditions) -> None:
    assert from_conditions(json.loads(json.dumps(to_conditions(conditions)))) == conditions


def test_the_salt_is_the_name_unless_it_is_set() -> None:
    assert flag(name="search-fuzzy").salt == "search-fuzzy"
    assert flag(name="search-fuzzy", salt="phase-2").salt == "phase-2"


@given(flags)
def test_the_served_percentage_never_exceeds_the_ceiling(flag: Flag) -> None:
    assert flag.served_percentage <= min(flag.percentage, flag.ceiling)
    assert flag.enabled or flag.served_percentage == 0


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Search"},
        {"name": ""},
        {"name": "a" * 129},
        {"name": "a\n"},
        {"ceiling": Decimal(101)},
        {"shadow_share": Decimal("1.1")},
        {"shadow_share": Decimal("NaN")},
        {"revision": -1},
        {"salt": "\ud800"},
        {"overrides": {str(number): Variant.LEGACY for number in range(1001)}},
    ],
)
def test_what_is_no_flag_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidFlag):
        flag(**change)


def test_a_percentage_finer_than_a_thousandth_is_refused() -> None:
    with pytest.raises(InvalidPercentage):
        flag(percentage="0.0001")


@pytest.mark.parametrize(
    "change",
    [
        {"percentage": "25"},
        {"percentage": True},
        {"percentage": None},
        {"percentage": 101},
        {"enabled": 1},
        {"revision": True},
        {"revision": 1.0},
        {"conditions": None},
        {"conditions": False},
        {"conditions": {"userGroups": "beta"}},
        {"conditions": {"userGroups": [1]}},
        {"conditions": {"environment": 1}},
        {"conditions": {"attributes": {"country": {"op": "in", "values": [["DE"]]}}}},
        {"conditions": {"attributes": {"country": {"values": []}}}},
        {"overrides": {"u": "new"}},
        {"overrides": ["u"]},
        {"shadowShare": "1"},
        {"salt": None},
    ],
)
def test_a_definition_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    """Above all, broken conditions are never read as no conditions."""
    with pytest.raises(InvalidFlag):
        from_definition({**to_definition(flag()), **change})


@pytest.mark.parametrize("definition", [None, [], "flag", 1])
def test_what_is_no_object_is_no_definition(definition: object) -> None:
    with pytest.raises(InvalidFlag):
        from_definition(definition)


def test_members_of_a_newer_server_are_left_aside() -> None:
    assert from_definition({**to_definition(flag()), "colour": "green"}) == flag()
