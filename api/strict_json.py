"""Strict reading of JSON: whatever two parsers could understand differently is refused.

Refused beside plain syntax errors: other encodings than UTF-8, duplicate keys, NaN and infinities (also written as
`1e999`), integers beyond 64 bits, numbers of more than 64 characters, NUL and lone surrogates in strings, and nesting
deeper than 32.
"""

import json
import math
from collections.abc import Iterable

MAX_DEPTH = 32
MAX_NUMBER_LENGTH = 64
INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1


class InvalidJson(ValueError):
    """The body is not the JSON that this interface accepts; the argument says why, without quoting the body."""


def parse(raw: bytes) -> object:
    """The value that `raw` says, or `InvalidJson`."""
    text = _decode(raw)
    try:
        value: object = _DECODER.decode(text)
    except RecursionError:
        raise InvalidJson(f"It is nested deeper than {MAX_DEPTH} levels.") from None
    except json.JSONDecodeError as error:
        raise InvalidJson(f"It is not valid JSON at line {error.lineno}, column {error.colno}.") from None
    _check_depth(value)
    # Only an escape can smuggle a surrogate or a NUL past the UTF-8 decoder and the parser.
    if "\\u" in text:
        _check_strings(value)
    return value


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidJson("It is not valid UTF-8.") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise InvalidJson("An object has the same key twice.")
    return value


def _integer(digits: str) -> int:
    _check_length(digits)
    value = int(digits)
    if not (INT64_MIN <= value <= INT64_MAX):
        raise InvalidJson("An integer does not fit in 64 bits.")
    return value


def _float(digits: str) -> float:
    _check_length(digits)
    value = float(digits)
    if not math.isfinite(value):
        raise InvalidJson("A number is not finite.")
    return value


def _check_length(digits: str) -> None:
    if len(digits) > MAX_NUMBER_LENGTH:
        raise InvalidJson(f"A number has more than {MAX_NUMBER_LENGTH} characters.")


def _constant(_name: str) -> object:
    raise InvalidJson("NaN and infinities are not JSON.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant, strict=True
)


def _check_depth(value: object) -> None:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [item for container in level for item in _members(container) if isinstance(item, (dict, list))]
        if not level:
            return
    raise InvalidJson(f"It is nested deeper than {MAX_DEPTH} levels.")


def _members(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _check_strings(value: object) -> None:
    pending: list[object] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            _check_string(item)
        elif isinstance(item, dict):
            pending.extend(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _check_string(text: str) -> None:
    if "\0" in text:
        raise InvalidJson("A string contains NUL.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidJson("A string contains a lone surrogate.") from None
