"""Deciding whether a context meets a flag's conditions.

A value of another type than the condition expects, and an operator that this version does
not know, raise TypeError: nobody gets candidate by a comparison that made no sense.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from math import isfinite
from operator import eq, ge, gt, le, lt, ne
from typing import TypeAlias

from crossfade.flags import AttributeCondition, Conditions, Context, Scalar

Check: TypeAlias = Callable[[object], bool]
"""Whether the value of an attribute, present and not null, is as the condition wants it."""

Compare: TypeAlias = Callable[..., bool]

LONGEST_VERSION = 128
_LISTS = (list, tuple, set, frozenset)  # to spell them as a union would make one at each call
_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)


def compile_conditions(conditions: Conditions, environment: str) -> Callable[[Context], bool]:
    """A function that says whether a context meets all conditions.

    `environment` is the flag's own; it is compared here, once.

    The function raises:
        TypeError: An attribute has another type than its condition, or an operator is unknown.
    """
    if conditions.environment not in {None, environment}:
        return lambda _: False
    if not conditions.attributes:
        return _in_one_of(conditions.user_groups) if conditions.user_groups else lambda _: True
    return _meets_all(conditions)


def is_version(text: str) -> bool:
    """Whether it is a version as semver.org 2.0.0 spells it."""
    return len(text) <= LONGEST_VERSION and _SEMVER.fullmatch(text) is not None


def _in_one_of(wanted: Iterable[str]) -> Callable[[Context], bool]:
    is_outside = frozenset(wanted).isdisjoint

    def is_member(context: Context) -> bool:
        groups = context.get("userGroups", ())
        if type(groups) is list or isinstance(groups, _LISTS):
            return not is_outside(groups)
        raise TypeError("userGroups is not a list")

    return is_member


def _meets_all(conditions: Conditions) -> Callable[[Context], bool]:
    is_member = _in_one_of(conditions.user_groups) if conditions.user_groups else None
    checks = tuple((name, _compile(condition)) for name, condition in conditions.attributes.items())

    def holds(context: Context) -> bool:
        if is_member is not None and not is_member(context):
            return False
        return all(check(context.get(name)) for name, check in checks)

    return holds


def _compile(condition: AttributeCondition) -> Check:
    if condition.op == "exists":
        wanted = condition.values != (False,)
        return lambda value: (value is not None) is wanted
    make = _OPERATORS.get(condition.op)
    try:
        check = make(condition.values) if make else _senseless(condition)
    except TypeError:
        check = _senseless(condition)
    return lambda value: value is not None and check(value)


def _senseless(condition: AttributeCondition) -> Check:
    def refuse(_: object) -> bool:
        raise TypeError(f"no sense in {condition.op}")

    return refuse


def _membership(*, wanted: bool) -> Callable[[tuple[Scalar, ...]], Check]:
    def make(values: tuple[Scalar, ...]) -> Check:
        kinds = frozenset(_kind(value) for value in values)
        members = frozenset((_kind(value), value) for value in values)  # to Python, 1 is in {True}

        def check(value: object) -> bool:
            kind = _kind(value)
            if kind not in kinds:
                raise TypeError("no value of the condition has this type")
            return ((kind, value) in members) is wanted

        return check

    return make


def _equality(*, wanted: bool) -> Callable[[tuple[Scalar, ...]], Check]:
    def make(values: tuple[Scalar, ...]) -> Check:
        return _membership(wanted=wanted)((_only(values),))

    return make


def _ordered(compare: Compare) -> Callable[[tuple[Scalar, ...]], Check]:
    def make(values: tuple[Scalar, ...]) -> Check:
        limit = _number(_only(values))
        return lambda value: compare(_number(value), limit)

    return make


def _versioned(compare: Compare) -> Callable[[tuple[Scalar, ...]], Check]:
    def make(values: tuple[Scalar, ...]) -> Check:
        limit = _version(_text(_only(values)))
        return lambda value: compare(_version(_text(value)), limit)

    return make


def _affixed(test: Callable[[str, tuple[str, ...]], bool]) -> Callable[[tuple[Scalar, ...]], Check]:
    def make(values: tuple[Scalar, ...]) -> Check:
        affixes = tuple(_text(value) for value in values)
        return lambda value: test(_text(value), affixes)

    return make


def _only(values: tuple[Scalar, ...]) -> Scalar:
    if len(values) == 1:
        return values[0]
    raise TypeError("one value, please")


def _kind(value: object) -> type:
    if isinstance(value, bool):  # before numbers: True is none in JSON, and not 1
        return bool
    if isinstance(value, str):
        return str
    _number(value)
    return float


def _number(value: object) -> int | float:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            return value
    except OverflowError:
        raise TypeError("not a number that a float can hold") from None
    raise TypeError("not a finite number")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError("not text")


@lru_cache(maxsize=1024)
def _version(text: str) -> tuple[object, ...]:
    """What orders versions as semver.org 2.0.0 does; a release stands above its pre-releases, builds are equal."""
    match = _SEMVER.fullmatch(text) if len(text) <= LONGEST_VERSION else None
    if match is None:
        raise TypeError("not a semantic version")
    major, minor, patch, pre = match.groups()
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in (pre or "").split(".") if part)
    return int(major), int(minor), int(patch), not pre, parts


_OPERATORS: dict[str, Callable[[tuple[Scalar, ...]], Check]] = {
    "in": _membership(wanted=True),
    "not_in": _membership(wanted=False),
    "eq": _equality(wanted=True),
    "ne": _equality(wanted=False),
    "gt": _ordered(gt),
    "gte": _ordered(ge),
    "lt": _ordered(lt),
    "lte": _ordered(le),
    "semver_eq": _versioned(eq),
    "semver_ne": _versioned(ne),
    "semver_gt": _versioned(gt),
    "semver_gte": _versioned(ge),
    "semver_lt": _versioned(lt),
    "semver_lte": _versioned(le),
    "starts_with": _affixed(str.startswith),
    "ends_with": _affixed(str.endswith),
}
OPERATORS = frozenset({"exists", *_OPERATORS})
"""The operators that this version knows."""
