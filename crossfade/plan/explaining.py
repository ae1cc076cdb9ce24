"""What pydantic refuses, said in the words of the plan; the refused values are never repeated."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from crossfade.plan.findings import Findings
from crossfade.plan.nodes import Node
from crossfade.plan.section import Section

_HINTS = {
    "rolloutPercentage": "the ramp sets the percentage",
    "percentage": "the ramp sets the percentage",
    "threshold": "write max or min",
    "enabled": "the ramp enables the flag",
}
_TYPES = {
    "string_type": "must be a text; put it in quotes if it looks like a number",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of keys to values",
    "enum": "must be one of the words that are allowed here",
    "missing": "is required",
}
_FORMS = {
    r"^[a-z0-9][a-z0-9._-]{0,127}$": (
        "a name has 1 to 128 characters a-z, 0-9, dot, underscore and hyphen, and begins with a letter or digit"
    ),
    r"^[A-Za-z][A-Za-z0-9_.:-]{0,127}$": "must begin with a letter and have letters, digits and _ . : - only",
    r"^https?://[^\s/?#]+[^\s]*$": "must be an address that begins with http:// or https://",
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$": "must be a time of day from 00:00 to 23:59",
}
_LIMITS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "literal_error": lambda ctx: f"must be {ctx['expected']}",
    "enum": lambda ctx: f"must be {ctx['expected']}",
    "greater_than_equal": lambda ctx: f"must be at least {ctx['ge']}",
    "less_than_equal": lambda ctx: f"must be at most {ctx['le']}",
    "string_too_short": lambda ctx: f"must have at least {ctx['min_length']} characters",
    "string_too_long": lambda ctx: f"must have at most {ctx['max_length']} characters",
    "too_short": lambda ctx: f"must have at least {ctx['min_length']} entries",
    "too_long": lambda ctx: f"must have at most {ctx['max_length']} entries",
    "string_pattern_mismatch": lambda ctx: _FORMS.get(ctx["pattern"], f"must match {ctx['pattern']}"),
    "value_error": lambda ctx: str(ctx["error"]),
}


def check_form(root: Node, model: type[Section], findings: Findings) -> None:
    """Refuse each value of the text whose form the model does not allow."""
    try:
        model.model_validate(root.plain())
    except ValidationError as error:
        for details in error.errors(include_url=False, include_input=False):
            _refuse(root, model, details, findings)


def _refuse(root: Node, model: type[Section], details: ErrorDetails, findings: Findings) -> None:
    path = [key for key in details["loc"] if key != "[key]"]
    node = root.nearest(*path)
    if findings.is_refused(node.path):
        return  # by the reader: no value, not a finite number
    depth = len(node.path) - len(root.path)
    findings.refuse(node, _message(model, details), *(str(key) for key in path[depth:]))


def _message(model: type[Section], details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(_keys_at(model, details["loc"][:-1]), str(details["loc"][-1]))
    if kind in _LIMITS and context:
        return _LIMITS[kind](context)
    return _TYPES.get(kind, "is not valid here")


def _unknown_key(known: list[str], key: str) -> str:
    if key in _HINTS:
        return f"unknown key; {_HINTS[key]}"
    if close := get_close_matches(key, known, n=1):
        return f"unknown key; did you mean {close[0]}?"
    return f"unknown key; known here: {', '.join(known)}" if known else "unknown key; remove it"


def _keys_at(model: type[Section], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand in the mapping at the place."""
    here: Any = model
    for key in loc:
        here = _bare(here)
        if get_origin(here) in {list, dict}:
            here = get_args(here)[-1]
            continue
        fields = here.model_fields.values() if _is_model(here) else ()
        here = next((field.annotation for field in fields if field.alias == key), None)
    here = _bare(here)
    return [field.alias or "" for field in here.model_fields.values()] if _is_model(here) else []


def _bare(annotation: Any) -> Any:
    """The annotation without constraints and without None."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, UnionType):
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        else:
            return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
