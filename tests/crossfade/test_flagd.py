"""The export, asked through flagd's own engine: it answers as we do."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from crossfade.conditions import OPERATORS
from crossfade.evaluation import compile_flag
from crossfade.flagd import ENGINE, export
from crossfade.flags import AttributeCondition, Conditions, Flag
from crossfade.states import Variant

SCALARS = st.one_of(
    st.sampled_from(["DE", "FR", "", "1", "true", "1.2.3", "2.0.0-rc.1", "a", "é"]),
    st.integers(-3, 3),
    st.sampled_from([0.5, 1.0, -2.5]),
    st.booleans(),
)
VERSIONS = ("1.2.3", "2.0.0", "2.0.0-rc.1", "10.0.0", "1.2.3+build")
KEYS = st.one_of(st.sampled_from(["ada", "0", "", "é", "true"]), st.text(st.characters(codec="utf-8"), max_size=20))
PERCENTAGES = st.one_of(
    st.sampled_from(["0", "0.001", "25", "50", "99.999", "100"]).map(Decimal),
    st.integers(0, 100_000).map(lambda number: Decimal(number) / 1000),
)


def served_by_flagd(flag: Flag, context: dict[str, Any]) -> bool:
    """Flagd's answer, after the export has been written and read as a file."""
    core = FlagdCore()
    core.set_flags(json.dumps(export([flag], environment="test", revision=flag.revision)))
    attributes = {name: value for name, value in context.items() if name != "targetingKey"}
    asked = EvaluationContext(context.get("targetingKey"), attributes)
    return core.resolve_boolean_value(flag.name, default_value=True, ctx=asked).value


def served_by_us(flag: Flag, context: dict[str, Any]) -> bool:
    return compile_flag(flag)(context).is_candidate


def flag(**changes: Any) -> Flag:
    return Flag(**{"name": "search", "environment": "test", "percentage": Decimal(100), "revision": 7, **changes})


@pytest.mark.parametrize("percentage", ["0.001", "1", "12.345", "50", "99.999"])
@pytest.mark.parametrize("salt", ["search", "phase-2", "é"])
def test_a_share_is_the_same_people(percentage: str, salt: str) -> None:
    split = flag(percentage=Decimal(percentage), salt=salt)
    core = FlagdCore()
    core.set_flags(json.dumps(export([split], environment="test", revision=7)))
    evaluate = compile_flag(split)
    keys = [f"user-{number}" for number in range(3_000)]

    theirs = [core.resolve_boolean_value("search", True, EvaluationContext(key)).value for key in keys]

    assert theirs == [evaluate({"targetingKey": key}).is_candidate for key in keys]


@settings(max_examples=300, deadline=None)
@given(PERCENTAGES, PERCENTAGES, st.booleans(), KEYS, st.dictionaries(KEYS, st.sampled_from(Variant), max_size=3))
def test_stop_override_and_share_have_the_same_order(
    percentage: Decimal, ceiling: Decimal, enabled: bool, key: str, overrides: dict[str, Variant]
) -> None:
    one = flag(percentage=percentage, ceiling=ceiling, enabled=enabled, overrides=overrides)

    for context in ({"targetingKey": key}, {}):
        assert served_by_flagd(one, context) == served_by_us(one, context)


@settings(max_examples=600, deadline=None)
@example("ne", [False], [False])
@example("in", [0, True], 1)
@example("eq", ["true"], True)
@given(
    st.sampled_from([*(op for op in sorted(OPERATORS) if not op.startswith("semver")), "unknown"]),
    st.lists(st.one_of(SCALARS, st.none()), max_size=3),
    st.one_of(SCALARS, st.none(), st.lists(SCALARS, max_size=2), st.dictionaries(st.just("a"), SCALARS)),
)
def test_every_operator_says_the_same_of_every_value(op: str, values: list[Any], value: object) -> None:
    one = flag(conditions=Conditions(attributes={"x": AttributeCondition(op, tuple(values))}))

    assert served_by_flagd(one, {"targetingKey": "ada", "x": value}) == served_by_us(
        one, {"targetingKey": "ada", "x": value}
    )


@pytest.mark.parametrize("op", sorted(op for op in OPERATORS if op.startswith("semver")))
@pytest.mark.parametrize("limit", VERSIONS)
@pytest.mark.parametrize("version", [*VERSIONS, "not one", 1, True, None])
def test_versions_are_ordered_alike(op: str, limit: str, version: object) -> None:
    one = flag(conditions=Conditions(attributes={"version": AttributeCondition(op, (limit,))}))
    context = {"targetingKey": "ada", "version": version}

    assert served_by_flagd(one, context) == served_by_us(one, context)


@pytest.mark.parametrize("wanted", [("beta",), ("beta", "staff"), ()])
@pytest.mark.parametrize("groups", [["beta"], ["x", "staff"], [], None, "beta", 5])
@pytest.mark.parametrize("environment", [None, "test", "elsewhere"])
def test_groups_and_environment_say_the_same(wanted: tuple[str, ...], groups: object, environment: str | None) -> None:
    one = flag(conditions=Conditions(environment=environment, user_groups=wanted))
    context = {"targetingKey": "ada", "userGroups": groups}

    assert served_by_flagd(one, context) == served_by_us(one, context)


@pytest.mark.parametrize(
    "context",
    [
        {"accountId": "a-1", "targetingKey": "ada"},
        {"accountId": None, "targetingKey": "ada"},
        {"targetingKey": "ada"},
        {"accountId": 17, "targetingKey": "ada"},
        {"accountId": "", "targetingKey": "ada"},
        {},
    ],
)
@pytest.mark.parametrize("percentage", ["50", "99.999", "100"])
def test_another_targeting_key_is_hashed_alike(context: dict[str, Any], percentage: str) -> None:
    one = flag(targeting_key="accountId", percentage=Decimal(percentage), overrides={"a-1": Variant.LEGACY})

    assert served_by_flagd(one, context) == served_by_us(one, context)


def test_what_flagd_cannot_say_is_left_out_and_named() -> None:
    dotted = flag(name="dotted", conditions=Conditions(attributes={"geo.country": AttributeCondition("exists")}))

    document = export([flag(), dotted], environment="test", revision=9)

    assert set(document["flags"]) == {"search"}  # type: ignore[call-overload]  # an object by its schema
    assert document["metadata"] == {"engine": ENGINE, "environment": "test", "revision": 9, "leftOut": "dotted"}
