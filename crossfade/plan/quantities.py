"""The quantities of a plan: durations, percentages, fractions and bounds, each from one spelling.

The functions take what stood in the text and raise ValueError with what to write instead, never with the value.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import PlainValidator, WithJsonSchema

from crossfade.errors import InvalidPercentage
from crossfade.percentages import percentage

LONGEST_DURATION = timedelta(days=365)
LARGEST_CHANGE = Decimal(10000)
LONGEST_ATTRIBUTE = 200
LARGEST_NUMBER = Decimal(10) ** 12

_DURATION = re.compile(r"(0|[1-9][0-9]{0,9})(ms|s|m|h|d)", re.ASCII)
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_PERCENT = re.compile(r"([-+]?)((?:0|[1-9][0-9]{0,6})(?:\.[0-9]{1,6})?)%", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bound:
    """The `max` or `min` of a metric: a plain number, a percent of the whole, or a signed change against legacy."""

    value: Decimal
    is_percent: bool = False
    is_change: bool = False


def duration(value: object) -> timedelta:
    """A time from `500ms`, `10s`, `5m`, `2h`, `3d`; zero is allowed, more than 365 days is not."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a duration such as 500ms, 10s, 5m, 2h or 3d")
    # Compared as a count first: ten digits of days are more than a timedelta can hold.
    if int(match[1]) > LONGEST_DURATION // _UNITS[match[2]]:
        raise ValueError("longer than 365d; write a shorter duration")
    return int(match[1]) * _UNITS[match[2]]


def lasting(value: object) -> timedelta:
    """A duration that is not zero."""
    if (length := duration(value)) == timedelta(0):
        raise ValueError("must be longer than zero")
    return length


def step_percentage(value: object) -> Decimal:
    """The percentage of a step, in (0, 100] and no finer than 0.001."""
    message = "a percentage is a number above 0, at most 100, in steps of 0.001"
    try:
        exact = percentage(_number(value))
    except (InvalidPercentage, ValueError):
        raise ValueError(message) from None
    if exact == 0:
        raise ValueError(message)
    return exact


def fraction(value: object) -> Decimal:
    """A part of the whole from `0.1%` or 0.001, in [0, 1]."""
    if isinstance(value, str):
        match = _PERCENT.fullmatch(value)
        number = Decimal(match[2]) / 100 if match and not match[1] else Decimal(-1)
    else:
        number = _number(value)
    if not (0 <= number <= 1):
        raise ValueError("write a percent such as 0.1%, or a number from 0 to 1")
    return number


def proper_fraction(value: object) -> Decimal:
    """A fraction that is neither nothing nor everything."""
    if not (0 < (number := fraction(value)) < 1):
        raise ValueError("must be more than 0 and less than 1 (100%)")
    return number


def share(value: object) -> Decimal:
    """A fraction that is not nothing."""
    if (number := fraction(value)) == 0:
        raise ValueError("must be more than 0")
    return number


def bound(value: object) -> Bound:
    """A limit from a number, `1%`, or `+10%`."""
    if not isinstance(value, str):
        return Bound(_number(value))
    match = _PERCENT.fullmatch(value)
    if match is None:
        raise ValueError("write a number, a percent such as 1%, or with compare: legacy a change such as +10%")
    number = Decimal(match[1] + match[2])
    if abs(number) > LARGEST_CHANGE:
        raise ValueError("more than 10000%; write a smaller bound")
    return Bound(number / 100, is_percent=True, is_change=bool(match[1]))


def required_metrics(value: object) -> str | tuple[str, ...]:
    """`auto`, or the names of the metrics that must have data."""
    if value == "auto":
        return "auto"
    if not (isinstance(value, list) and value and all(isinstance(name, str) for name in value)):
        raise ValueError("write auto or a list of metrics")
    return tuple(value)


def attribute_value(value: object) -> str | int | float | bool:
    """What an attribute is compared with."""
    if isinstance(value, str) and len(value) <= LONGEST_ATTRIBUTE:
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, int | Decimal):
        exact = _number(value)
        return int(exact) if isinstance(value, int) else float(exact)
    raise ValueError("write a text of at most 200 characters, a number, true or false")


def number(value: object) -> Decimal:
    """A finite number of a size that makes sense."""
    return _number(value)


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("write a number")  # noqa: TRY004 - pydantic reports a ValueError with its place
    exact = Decimal(value)
    if not (exact.is_finite() and abs(exact) <= LARGEST_NUMBER):
        raise ValueError("write a finite number of at most 12 digits")
    return exact


def _read(function: Callable[[object], object], **schema: object) -> tuple[PlainValidator, WithJsonSchema]:
    return PlainValidator(function), WithJsonSchema(schema)


_TIME = {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,9})(ms|s|m|h|d)$", "examples": ["500ms", "10s", "5m", "2h"]}
_PERCENT_TEXT = {"type": "string", "pattern": r"^[-+]?(0|[1-9][0-9]{0,6})(\.[0-9]{1,6})?%$"}
_UNSIGNED_TEXT = {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,6})(\.[0-9]{1,6})?%$"}
_UNIT_NUMBER = {"type": "number", "minimum": 0, "maximum": 1}

Duration: TypeAlias = Annotated[timedelta, *_read(duration, **_TIME)]
Lasting: TypeAlias = Annotated[timedelta, *_read(lasting, **_TIME)]
Percentage: TypeAlias = Annotated[Decimal, *_read(step_percentage, type="number", exclusiveMinimum=0, maximum=100)]
ProperFraction: TypeAlias = Annotated[Decimal, *_read(proper_fraction, anyOf=[_UNSIGNED_TEXT, _UNIT_NUMBER])]
Share: TypeAlias = Annotated[Decimal, *_read(share, anyOf=[_UNSIGNED_TEXT, _UNIT_NUMBER])]
Limit: TypeAlias = Annotated[Bound, *_read(bound, anyOf=[_PERCENT_TEXT, {"type": "number"}])]
Number: TypeAlias = Annotated[Decimal, *_read(number, type="number")]
Required: TypeAlias = Annotated[
    str | tuple[str, ...],
    *_read(required_metrics, anyOf=[{"const": "auto"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]),
]
AttributeValue: TypeAlias = Annotated[
    str | int | float | bool, *_read(attribute_value, type=["string", "number", "boolean"])
]
