"""Reading the members of a JSON object that came from outside."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from crossfade.errors import InvalidFlag

T = TypeVar("T")


def member(members: Mapping[str, object], name: str, kind: type[T], default: T | None = None) -> T:
    """The member of exactly this type; True is no number.

    Raises:
        InvalidFlag: It is missing or of another type.
    """
    value = members.get(name, default)
    if type(value) is kind:
        return value
    raise InvalidFlag(f"{name} is missing or of another type")


def mapping(value: object, name: str) -> Mapping[str, object]:
    """The value as a JSON object.

    Raises:
        InvalidFlag: It is something else.
    """
    if isinstance(value, Mapping):
        return value
    raise InvalidFlag(f"{name} is not an object")


def array(value: object, name: str) -> Sequence[object]:
    """The value as a JSON array.

    Raises:
        InvalidFlag: It is something else.
    """
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return value
    raise InvalidFlag(f"{name} is not an array")
