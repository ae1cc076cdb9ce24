"""Values of the lower floors as JSON in camelCase."""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from operator import attrgetter
from typing import Any
from uuid import UUID

from pydantic.alias_generators import to_camel

from crossfade.percentages import json_number


def shown(value: object) -> object:
    """The JSON for a value: dataclasses become objects with camelCase keys, times ISO 8601, durations seconds.

    The keys of mappings stay as they are; a number that is not finite becomes null.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {to_camel(field.name): shown(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return _scalar(value)


def _scalar(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    for kind, convert in _CONVERSIONS.items():
        if isinstance(value, kind):
            return convert(value)
    return value


_CONVERSIONS: Mapping[type, Callable[[Any], object]] = {
    Enum: attrgetter("value"),
    Decimal: json_number,
    datetime: datetime.isoformat,
    timedelta: timedelta.total_seconds,
    UUID: str,
}
