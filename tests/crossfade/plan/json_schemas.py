"""A JSON Schema validator of the keywords that our schema uses; any other keyword is an error."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_SILENT = {"$schema", "$defs", "title", "description", "default", "examples"}


def violations(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str = "$") -> Iterator[str]:
    """Where and by which keyword the value does not follow the schema."""
    for keyword, rule in schema.items():
        if keyword not in _SILENT:
            yield from _check(keyword, rule, value, schema, root, at)


def _check(
    keyword: str, rule: Any, value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str
) -> Iterator[str]:
    match keyword:
        case "$ref":
            yield from violations(value, root["$defs"][rule.removeprefix("#/$defs/")], root, at)
        case "anyOf":
            if all(list(violations(value, option, root, at)) for option in rule):
                yield f"{at}: anyOf"
        case "properties" | "additionalProperties" | "patternProperties":
            yield from _check_members(keyword, rule, value, schema, root, at)
        case "items":
            for index, item in enumerate(value if isinstance(value, list) else ()):
                yield from violations(item, rule, root, f"{at}[{index}]")
        case _:
            if not _RULES[keyword](rule, value):
                yield f"{at}: {keyword}"


def _check_members(
    keyword: str, rule: Any, value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str
) -> Iterator[str]:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for key, member in value.items() if isinstance(value, dict) else ():
        matching = [option for pattern, option in patterns.items() if re.search(pattern, key)]
        if keyword == "properties" and key in rule:
            yield from violations(member, rule[key], root, f"{at}.{key}")
        elif keyword == "patternProperties":
            for option in matching:
                yield from violations(member, option, root, f"{at}.{key}")
        elif keyword == "additionalProperties" and key not in known and not matching:
            assert rule is False, "this validator knows additionalProperties: false only"
            yield f"{at}.{key}: additionalProperties"


def _of_type(rule: Any, value: Any) -> bool:
    return any(_is(value, name) for name in (rule if isinstance(rule, list) else [rule]))


_RULES: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": _of_type,
    "enum": lambda rule, value: value in rule,
    "const": lambda rule, value: bool(value == rule),
    "required": lambda rule, value: not isinstance(value, dict) or set(rule) <= value.keys(),
    "pattern": lambda rule, value: not isinstance(value, str) or re.search(rule, value) is not None,
    "minimum": lambda rule, value: not _is(value, "number") or value >= rule,
    "exclusiveMinimum": lambda rule, value: not _is(value, "number") or value > rule,
    "maximum": lambda rule, value: not _is(value, "number") or value <= rule,
    "minLength": lambda rule, value: not isinstance(value, str) or len(value) >= rule,
    "maxLength": lambda rule, value: not isinstance(value, str) or len(value) <= rule,
    "minItems": lambda rule, value: not isinstance(value, list) or len(value) >= rule,
    "maxItems": lambda rule, value: not isinstance(value, list) or len(value) <= rule,
}


def _is(value: Any, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and (name == "boolean") is isinstance(value, bool)
