from itertools import pairwise
from typing import Any

import pytest

from crossfade.conditions import OPERATORS, compile_conditions
from crossfade.flags import AttributeCondition, Conditions


def holds(op: str, values: tuple[Any, ...], value: object) -> bool:
    conditions = Conditions(attributes={"attribute": AttributeCondition(op, values)})
    return compile_conditions(conditions, "test")({"attribute": value})


@pytest.mark.parametrize(
    ("op", "values", "value", "expected"),
    [
        ("in", ("DE", "FR"), "DE", True),
        ("in", ("DE", "FR"), "IT", False),
        ("in", (1, 2), 2.0, True),
        ("in", (0, True), 1, False),
        ("in", (1, False), True, False),
        ("not_in", (0, True), 1, True),
        ("not_in", ("DE",), "IT", True),
        ("not_in", ("DE",), "DE", False),
        ("eq", (True,), True, True),
        ("eq", (5,), 6, False),
        ("ne", ("a",), "b", True),
        ("ne", ("a",), "a", False),
        ("gt", (5,), 5, False),
        ("gt", (5,), 5.1, True),
        ("gte", (5,), 5, True),
        ("lt", (5,), 4, True),
        ("lt", (5,), 5, False),
        ("lte", (5,), 5, True),
        ("lte", (5,), 6, False),
        ("semver_eq", ("1.2.3",), "1.2.3+build.5", True),
        ("semver_ne", ("1.2.3",), "1.2.4", True),
        ("semver_gt", ("1.9.0",), "1.10.0", True),
        ("semver_gt", ("1.0.0",), "1.0.0-rc.1", False),
        ("semver_gte", ("2.0.0",), "2.0.0", True),
        ("semver_lt", ("1.0.0",), "1.0.0-alpha", True),
        ("semver_lte", ("1.0.0",), "1.0.1", False),
        ("starts_with", ("a", "b"), "beta", True),
        ("starts_with", ("a",), "beta", False),
        ("ends_with", (".de", ".fr"), "x.fr", True),
        ("ends_with", (".de",), "x.fr", False),
        ("exists", (), "anything", True),
        ("exists", (), None, False),
        ("exists", (True,), 0, True),
        ("exists", (False,), None, True),
        ("exists", (False,), "x", False),
    ],
)
def test_an_operator_says(op: str, values: tuple[Any, ...], value: object, expected: bool) -> None:
    assert holds(op, values, value) is expected


def test_pre_releases_are_ordered_as_the_standard_lists_them() -> None:
    order = ["alpha", "alpha.1", "alpha.beta", "beta", "beta.2", "beta.11", "rc.1"]
    versions = [f"1.0.0-{pre}" for pre in order] + ["1.0.0"]
    for lower, higher in pairwise(versions):
        assert holds("semver_lt", (higher,), lower)
        assert not holds("semver_gte", (higher,), lower)


@pytest.mark.parametrize(
    ("op", "values", "value"),
    [
        ("in", ("DE",), 5),
        ("in", (1,), True),
        ("in", (), "DE"),
        ("not_in", ("DE",), 5),
        ("not_in", ("DE",), ["DE"]),
        ("eq", (1,), True),
        ("eq", ("a", "b"), "a"),
        ("ne", (1,), "2"),
        ("gt", (5,), "6"),
        ("gt", (5,), True),
        ("gt", (5,), float("nan")),
        pytest.param("gt", (5,), 10**400, id="a value beyond every float"),
        pytest.param("gt", (10**400,), 5, id="a limit beyond every float"),
        pytest.param("eq", (5,), -(10**400), id="a value below every float"),
        pytest.param("in", (10**400,), 5, id="a member beyond every float"),
        ("gt", ("5",), 6),
        ("lt", (5, 6), 4),
        ("semver_gt", ("1.0.0",), "v2"),
        ("semver_gt", ("1",), "2.0.0"),
        ("semver_gt", ("1.0.0",), "1" * 5000 + ".0.0"),
        ("starts_with", ("a",), 5),
        ("ends_with", (5,), "a"),
        ("resembles", ("a",), "a"),
    ],
)
def test_a_senseless_comparison_is_neither_true_nor_false(op: str, values: tuple[Any, ...], value: object) -> None:
    with pytest.raises(TypeError):
        holds(op, values, value)


@pytest.mark.parametrize("op", sorted(OPERATORS - {"exists"}))
def test_a_missing_attribute_meets_no_condition(op: str) -> None:
    conditions = Conditions(attributes={"attribute": AttributeCondition(op, ("1.0.0",))})
    assert compile_conditions(conditions, "test")({}) is False


@pytest.mark.parametrize(
    ("groups", "expected"), [(["beta"], True), (["staff", "beta"], True), (["staff"], False), ([], False)]
)
def test_one_of_the_groups_is_enough(groups: list[str], expected: bool) -> None:
    decide = compile_conditions(Conditions(user_groups=("beta", "canary")), "test")
    assert decide({"userGroups": groups}) is expected


def test_whoever_names_no_groups_is_in_none() -> None:
    assert compile_conditions(Conditions(user_groups=("beta",)), "test")({}) is False


def test_groups_that_are_no_list_are_senseless() -> None:
    with pytest.raises(TypeError):
        compile_conditions(Conditions(user_groups=("beta",)), "test")({"userGroups": "beta"})


def test_the_environment_is_compared_with_the_flags_own_and_not_with_the_callers() -> None:
    decide = compile_conditions(Conditions(environment="production"), "test")
    assert decide({"environment": "production"}) is False
    assert compile_conditions(Conditions(environment="test"), "test")({"environment": "production"}) is True


def test_all_conditions_must_hold() -> None:
    conditions = Conditions(
        user_groups=("beta",), attributes={"country": AttributeCondition("eq", ("DE",))}, environment="test"
    )
    decide = compile_conditions(conditions, "test")
    assert decide({"userGroups": ["beta"], "country": "DE"}) is True
    assert decide({"userGroups": ["beta"], "country": "FR"}) is False
    assert decide({"userGroups": ["staff"], "country": "DE"}) is False
