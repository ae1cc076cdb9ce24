"""What the bodies of all routes have in common: camelCase, strict types, nothing unknown, nothing unbounded."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Reason = Annotated[str, Field(min_length=1, max_length=2000, description="Why; it goes into the audit log.")]
Key = Annotated[str, Field(min_length=1, max_length=256)]

# Only messages of these kinds are passed on; others (uuid_parsing, union_tag_invalid ...) quote what was sent.
_MESSAGES_THAT_QUOTE_NOTHING = frozenset(
    {
        "bool_parsing",
        "bool_type",
        "dict_type",
        "enum",
        "finite_number",
        "float_parsing",
        "float_type",
        "greater_than",
        "greater_than_equal",
        "int_from_float",
        "int_parsing",
        "int_type",
        "less_than",
        "less_than_equal",
        "list_type",
        "literal_error",
        "model_attributes_type",
        "model_type",
        "string_pattern_mismatch",
        "string_too_long",
        "string_too_short",
        "string_type",
        "too_long",
        "too_short",
    }
)
_MESSAGES: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "contains an unknown member",
    "repeated": "is given more than once",
}


class Body(BaseModel):
    """The base of every request body."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        validate_by_alias=True,
        validate_by_name=False,
    )


class Because(Body):
    """A reason, for everything that a person orders."""

    reason: Reason = "No reason given."


def shown(errors: Iterable[Mapping[str, object]]) -> list[dict[str, str]]:
    """Validation errors as `{field, message}`, without anything that was sent: no values, no invented keys."""
    return [_shown(error) for error in errors][:100]


def _shown(error: Mapping[str, object]) -> dict[str, str]:
    kind = str(error["type"])
    location = error["loc"] if isinstance(error["loc"], tuple) else ()
    if kind == "extra_forbidden":
        location = location[:-1]
    return {"field": ".".join(_parts(location)), "message": _message(kind, str(error["msg"]))}


def _message(kind: str, message: str) -> str:
    if kind in _MESSAGES_THAT_QUOTE_NOTHING:
        return message
    return _MESSAGES.get(kind, "is not valid")


def _parts(location: tuple[object, ...]) -> list[str]:
    """The way to the value; keys of a body that are not names of ours are the sender's words."""
    if location[:1] != ("body",):
        return [str(part) for part in location]
    names = {"body", *_names(Body)}
    return [str(part) if isinstance(part, int) or part in names else "*" for part in location]


def _names(model: type[BaseModel]) -> Iterable[str]:
    for name, info in model.model_fields.items():
        yield info.alias or name
    for child in model.__subclasses__():
        yield from _names(child)
