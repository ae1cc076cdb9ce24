"""Flags in the words of flagd, for whoever leaves, or runs flagd beside us.

The share is said by an explicit bucketing expression, `cat(salt + ":", key)`, never by flagd's shorthand, whose hash
has changed with its versions. Engines of the generation named in `ENGINE` hash the UTF-8 text of that expression with
murmur3_x86_32 and compare it with integer weights, which is our own rule (`crossfade.bucketing`): the same people.
Later engines (openfeature-flagd-core 2) hash its CBOR encoding: there a share keeps its size, but not its people.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from crossfade.conditions import is_version
from crossfade.flags import TARGETING_KEY, AttributeCondition, Conditions, Flag, Scalar
from crossfade.percentages import HUNDRED
from crossfade.states import Variant

ENGINE: Final = "flagd-core 1 (murmur3_x86_32 of UTF-8, integer weights)"
SCHEMA: Final = "https://flagd.dev/schema/v0/flags.json"
WEIGHTS: Final = 100_000
"""The sum of a share's two weights: one for each step of 0.001 %."""

Rule: TypeAlias = Any
"""A rule of JsonLogic: a JSON value."""
Values: TypeAlias = tuple[Scalar, ...]
Operator: TypeAlias = Callable[[Rule, Values], Rule]
"""How an operator is said of the rule that reads the attribute, and the values of its condition."""

_LEGACY: Final = Variant.LEGACY.value
_CANDIDATE: Final = Variant.CANDIDATE.value


def export(flags: Iterable[Flag], *, environment: str, revision: int) -> dict[str, object]:
    """The flags as one document of flagd.

    Every flag is a boolean one, true for candidate, and is always `ENABLED`: flagd answers a disabled flag with
    whatever default the caller names, where a disabled flag here is legacy. What JsonLogic cannot say, an attribute
    with a dot in its name, is left out and named in the metadata.
    """
    every = list(flags)
    said = [flag for flag in every if _is_sayable(flag)]
    metadata: dict[str, object] = {"engine": ENGINE, "environment": environment, "revision": revision}
    if left := sorted(flag.name for flag in every if not _is_sayable(flag)):
        metadata["leftOut"] = ", ".join(left)
    return {"$schema": SCHEMA, "flags": {flag.name: _flag(flag) for flag in said}, "metadata": metadata}


def _is_sayable(flag: Flag) -> bool:
    return not any("." in name for name in (flag.targeting_key, *flag.conditions.attributes))


def _flag(flag: Flag) -> dict[str, object]:
    return {
        "state": "ENABLED",
        "variants": {_CANDIDATE: True, _LEGACY: False},
        "defaultVariant": _LEGACY,
        "targeting": {} if flag.is_stopped else _targeting(flag),
        "metadata": {"revision": flag.revision},
    }


def _targeting(flag: Flag) -> Rule:
    key = _key(flag.targeting_key)
    rule = _share(flag, key)
    if flag.conditions:
        rule = {"if": [_conditions(flag.conditions, flag.environment), rule, _LEGACY]}
    for variant in (Variant.LEGACY, Variant.CANDIDATE):
        if chosen := sorted(one for one, its in flag.overrides.items() if its is variant):
            rule = {"if": [_all(_is_text(key), {"in": [key, chosen]}), variant.value, rule]}
    return rule if isinstance(rule, dict) else {"if": [True, rule]}


def _share(flag: Flag, key: Rule) -> Rule:
    served = flag.served_percentage
    if not served:
        return _LEGACY
    if served == HUNDRED:
        return _CANDIDATE
    weight = int(served * (WEIGHTS // 100))
    shares = [[_CANDIDATE, weight], [_LEGACY, WEIGHTS - weight]]
    split = {"fractional": [{"cat": [f"{flag.salt}:", key]}, *shares]}
    return {"if": [_all(_is_text(key), {"!==": [key, ""]}), split, _LEGACY]}


def _key(attribute: str) -> Rule:
    plain = {"var": TARGETING_KEY}
    if attribute == TARGETING_KEY:
        return plain
    named = {"var": attribute}
    return {"if": [{"!==": [named, None]}, named, plain]}


def _conditions(conditions: Conditions, environment: str) -> Rule:
    if conditions.environment not in {None, environment}:
        return False
    rules = [_attribute({"var": name}, condition) for name, condition in conditions.attributes.items()]
    if conditions.user_groups:
        is_one = {"in": [{"var": ""}, sorted(conditions.user_groups)]}
        rules.append({"some": [{"var": "userGroups"}, is_one]})
    return _all(*rules) if rules else True


def _attribute(value: Rule, condition: AttributeCondition) -> Rule:
    """What a condition that makes no sense says: nobody."""
    say = _OPERATORS.get(condition.op)
    return say(value, condition.values) if say else False


def _exists(value: Rule, wanted: Values) -> Rule:
    return {("===" if wanted == (False,) else "!=="): [value, None]}


def _member(*, is_in: bool) -> Operator:
    def say(value: Rule, wanted: Values) -> Rule:
        if None in wanted:
            return False
        kinds = (
            (_is_text(value), [one for one in wanted if isinstance(one, str)]),
            (_is_number(value), [one for one in wanted if _is_numeric(one)]),
            (_is_truth(value), [one for one in wanted if isinstance(one, bool)]),
        )
        found = [(kind, {"in": [value, members]}) for kind, members in kinds if members]
        return _any(_all(kind, member if is_in else {"!": [member]}) for kind, member in found)

    return say


def _equal(*, is_equal: bool) -> Operator:
    member = _member(is_in=is_equal)
    return lambda value, wanted: member(value, wanted) if len(wanted) == 1 else False


def _affixed(op: str) -> Operator:
    def say(value: Rule, wanted: Values) -> Rule:
        return _any({op: [value, affix]} for affix in wanted) if all(isinstance(one, str) for one in wanted) else False

    return say


def _ordered(op: str) -> Operator:
    def say(value: Rule, wanted: Values) -> Rule:
        if len(wanted) == 1 and _is_numeric(wanted[0]):
            return _all(_is_number(value), {op: [value, wanted[0]]})
        return False

    return say


def _versioned(op: str) -> Operator:
    def say(value: Rule, wanted: Values) -> Rule:
        if len(wanted) == 1 and isinstance(wanted[0], str) and is_version(wanted[0]):
            return _all(_is_text(value), {"sem_ver": [value, op, wanted[0]]})
        return False

    return say


def _is_text(value: Rule) -> Rule:
    return {"===": [{"cat": [value]}, value]}


def _is_truth(value: Rule) -> Rule:
    # Neither is enough alone: to some engines 1 is in [true], and a list is spelled as its only member.
    return _all({"in": [value, [True, False]]}, {"in": [{"cat": [value]}, ["true", "false", "True", "False"]]})


def _is_number(value: Rule) -> Rule:
    # In some engines true is 1; spelled out it never is.
    return _all({"===": [{"+": [value]}, value]}, {"!": [_is_truth(value)]})


def _is_numeric(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _all(*rules: Rule) -> Rule:
    return {"and": list(rules)}


def _any(rules: Iterable[Rule]) -> Rule:
    every = list(rules)
    return {"or": every} if every else False


_OPERATORS: Final[Mapping[str, Operator]] = {
    "exists": _exists,
    "in": _member(is_in=True),
    "not_in": _member(is_in=False),
    "eq": _equal(is_equal=True),
    "ne": _equal(is_equal=False),
    "gt": _ordered(">"),
    "gte": _ordered(">="),
    "lt": _ordered("<"),
    "lte": _ordered("<="),
    "semver_eq": _versioned("="),
    "semver_ne": _versioned("!="),
    "semver_gt": _versioned(">"),
    "semver_gte": _versioned(">="),
    "semver_lt": _versioned("<"),
    "semver_lte": _versioned("<="),
    "starts_with": _affixed("starts_with"),
    "ends_with": _affixed("ends_with"),
}
