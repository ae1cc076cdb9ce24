"""JSON documents: what goes into `jsonb` and comes out is ordinary JSON."""

import json
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from pydantic import TypeAdapter

T = TypeVar("T")

Document = dict[str, Any]
"""A JSON object as `json.loads` gives it."""


def dumps(value: object) -> str:
    """Gives the text of a document; a number that is not finite becomes null, evidence must never block a rollback."""
    try:
        return json.dumps(value, default=plain, allow_nan=False)
    except ValueError:
        return json.dumps(finite(value), default=plain, allow_nan=False)


def canonical(value: object) -> bytes:
    """Gives the one spelling of a document: the same before it was stored as after it was read."""
    text = json.dumps(whole(json.loads(dumps(value))), sort_keys=True, separators=(",", ":"))
    return text.encode()


@cache
def adapter(kind: type[T]) -> TypeAdapter[T]:
    """Gives the reader and writer of a dataclass: building one costs milliseconds, using it microseconds."""
    return TypeAdapter(kind)


def to_document(value: object) -> Document:
    """Gives a dataclass as a JSON object."""
    kind: type[object] = type(value)
    document: Document = adapter(kind).dump_python(value, mode="json")  # type: ignore[arg-type]  # classes hash
    return document


def plain(value: object) -> object:
    """Gives what JSON has instead of a value of Python; percentages stay exact: their shortest float is the decimal."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def finite(value: object) -> object:
    """Gives the value with null in place of NaN and infinities."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def whole(value: object) -> object:
    """Gives the value with integers in place of whole floats: `jsonb` may return 1e22 as an integer."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return value
