from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.sdk import Comparison
from crossfade.sdk.comparison import Outcome, raised
from crossfade.sdk.differences import differences


@dataclass
class Airport:
    code: str
    city: str


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("legacy", "candidate", "paths"),
    [
        (1, 1, []),
        (1, 2, ["$"]),
        (1, 1.0, []),
        (1, True, ["$"]),
        ("a", None, ["$"]),
        (float("nan"), float("nan"), []),
        (float("nan"), 1.0, ["$"]),
        ((1, 2), [1, 2], []),
        ([1, 2], [2, 1], ["[]"]),
        ([1], [1, 2], ["[].length"]),
        ({"total": 1}, {"total": 2}, ["total"]),
        ({"total": 1}, {}, ["total"]),
        ({}, {"total": None}, ["total"]),
        ({"rows": [{"city": "A"}, {"city": "B"}]}, {"rows": [{"city": "X"}, {"city": "Y"}]}, ["rows[].city"]),
        (Airport("BER", "Berlin"), {"code": "BER", "city": "Bärlin"}, ["city"]),
        ({"price": Decimal("1.10")}, {"price": Decimal("1.1")}, []),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": 1}}, ["a.b"]),
    ],
)
def test_differences_are_told_by_their_path(legacy: object, candidate: object, paths: list[str]) -> None:
    assert list(differences(legacy, candidate)) == paths


@given(NESTED)
def test_everything_agrees_with_itself(result: object) -> None:
    assert list(differences(result, result)) == []


@given(NESTED, NESTED)
def test_a_difference_does_not_depend_on_who_is_who(one: object, other: object) -> None:
    assert set(differences(one, other)) == set(differences(other, one))


@pytest.mark.parametrize(
    ("ignore", "paths"),
    [
        ([], ["meta.took", "rows[].rank"]),
        (["meta"], ["rows[].rank"]),
        (["meta.took"], ["rows[].rank"]),
        (["rows[].rank"], ["meta.took"]),
        (["rows", "meta"], []),
        (["met", "row"], ["meta.took", "rows[].rank"]),
    ],
)
def test_what_is_ignored_may_differ_with_all_below(ignore: list[str], paths: list[str]) -> None:
    legacy = {"meta": {"took": 1}, "rows": [{"rank": 1, "id": 1}]}
    candidate = {"meta": {"took": 2}, "rows": [{"rank": 2, "id": 1}]}
    found = Comparison(ignore=ignore).differences(Outcome(legacy), Outcome(candidate))
    assert list(found) == paths


@pytest.mark.parametrize(
    ("compare", "paths"),
    [
        (lambda _legacy, _candidate: True, ()),
        (lambda _legacy, _candidate: False, ("$",)),
        (lambda _legacy, _candidate: [], ()),
        (lambda _legacy, _candidate: ["a", "b", "a"], ("a", "b")),
        (lambda _legacy, _candidate: ["hidden.x", "b"], ("b",)),
        (lambda _legacy, _candidate: None, ("x",)),
        (lambda legacy, candidate: legacy["y"] == candidate["y"], ("compare raised KeyError",)),
    ],
)
def test_the_applications_function_decides(
    compare: Callable[[Any, Any], bool | Sequence[str] | None], paths: tuple[str, ...]
) -> None:
    comparison = Comparison(compare=compare, ignore=["hidden"])
    assert comparison.differences(Outcome({"x": 1}), Outcome({"x": 2})) == paths


def test_results_are_cleaned_before_they_are_compared() -> None:
    comparison = Comparison(clean=sorted)
    assert comparison.differences(Outcome([1, 2]), Outcome([2, 1])) == ()
    assert comparison.differences(Outcome([1, 2]), Outcome(5)) == ("compare raised TypeError",)


@pytest.mark.parametrize(
    ("legacy", "candidate", "paths"),
    [
        (raised(ValueError("x")), raised(ValueError("x")), ()),
        (raised(ValueError("x")), raised(ValueError("y")), ("message of builtins.ValueError",)),
        (
            raised(ValueError("x")),
            raised(KeyError("x")),
            ("legacy raised builtins.ValueError, candidate builtins.KeyError",),
        ),
        (raised(ValueError("x")), Outcome(None), ("legacy raised builtins.ValueError",)),
        (Outcome(None), raised(ValueError("x")), ("candidate raised builtins.ValueError",)),
    ],
)
def test_exceptions_are_compared_by_type_and_message(
    legacy: Outcome, candidate: Outcome, paths: tuple[str, ...]
) -> None:
    """Whatever the application's function would say of results."""
    assert Comparison(compare=lambda _legacy, _candidate: True).differences(legacy, candidate) == paths


def test_an_exception_that_cannot_be_printed_is_compared_by_type() -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert raised(Silent()) == raised(Silent())


def test_a_path_can_always_travel() -> None:
    comparison = Comparison(compare=lambda _legacy, _candidate: ["a\ud800\0", "b" * 1000])
    first, second = comparison.differences(Outcome(), Outcome())
    assert (first, len(second)) == ("a??", 200)


def test_a_result_that_holds_itself_ends() -> None:
    one: list[Any] = [1]
    other: list[Any] = [1]
    one.append(one)
    other.append(other)
    assert Comparison().differences(Outcome(one), Outcome(other)) != ()
