"""JSON objects of the server as frozen dataclasses: `waitingFor` becomes `waiting_for`, checked by its annotation."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from crossfade.control.errors import UnexpectedAnswer

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FromJson:
    """The base of what is read from JSON; `raw` has everything that the server said, known here or not."""

    raw: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False, compare=False)


def decoded(kind: type[T], value: object) -> T:
    """The value as `kind`; members that a newer server has added are found in `raw`.

    Raises:
        UnexpectedAnswer: A member is missing or of another type; the detail says which.
    """
    found: T = _read(kind, value, "")
    return found


def _read(kind: Any, value: object, place: str) -> Any:
    if isinstance(kind, UnionType):
        (only,) = (one for one in get_args(kind) if one is not NoneType)
        return None if value is None else _read(only, value, place)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise _wrong(place, "a list")
        return tuple(_read(get_args(kind)[0], item, f"{place}[{number}]") for number, item in enumerate(value))
    if get_origin(kind) is Mapping:
        return _mapping(kind, value, place)
    return _object(kind, value, place) if is_dataclass(kind) else _scalar(kind, value, place)


def _mapping(kind: Any, value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(place, "an object")
    of = get_args(kind)[1]
    if of is Any:
        return value
    return {name: _read(of, item, f"{place}.{name}") for name, item in value.items()}


def _object(kind: Any, value: object, place: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(place, "an object")
    hints = _hints(kind)
    members: dict[str, Any] = {"raw": value}
    for one in fields(kind):
        name = _camel(one.name)
        if name in value:
            members[one.name] = _read(hints[one.name], value[name], f"{place}.{name}")
        elif _is_required(one):
            raise _wrong(f"{place}.{name}", "there")
    return kind(**members)


def _scalar(kind: Any, value: object, place: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if kind is datetime and isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise _wrong(place, "a time") from None
    if type(value) is kind:
        return value
    raise _wrong(place, f"of the type {kind.__name__}")


def _is_required(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _wrong(place: str, wanted: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(f"{place.lstrip('.') or 'the answer'} is not {wanted}")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)
