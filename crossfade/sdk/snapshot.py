"""All flags of an environment as they come from the server or a file."""

import json
from dataclasses import dataclass
from decimal import Decimal

from crossfade.errors import InvalidFlag
from crossfade.members import array, mapping, member


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The flags at one revision, undecoded one by one; `body` is what they were read from."""

    environment: str
    revision: int
    epoch: int
    flags: tuple[object, ...]
    body: bytes


def read_snapshot(body: bytes) -> Snapshot:
    """The snapshot in a JSON text; percentages stay exact.

    Raises:
        InvalidFlag: Not JSON, or not of that shape. A single bad flag is found later, when it is compiled.
    """
    try:
        members = mapping(json.loads(body, parse_float=Decimal, parse_constant=_refuse), "the snapshot")
    except (ValueError, ArithmeticError, RecursionError):  # Decimal says of an exponent without end that it is no value
        raise InvalidFlag("the snapshot is not JSON") from None
    return Snapshot(
        environment=member(members, "environment", str),
        revision=member(members, "revision", int),
        epoch=member(members, "epoch", int),
        flags=tuple(array(members.get("flags"), "flags")),
        body=body,
    )


def _refuse(constant: str) -> None:
    raise ValueError(constant)
