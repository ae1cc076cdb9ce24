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
    valid_for: float
    flags: tuple[object, ...]
    body: bytes


def read_snapshot(body: bytes) -> Snapshot:
    """The snapshot in a JSON text; percentages stay exact.

    Raises:
        InvalidFlag: Not JSON, or not of that shape. A single bad flag is found later, when it is compiled.
    """
    try:
        members = mapping(json.loads(body, parse_float=Decimal, parse_constant=_refuse), "the snapshot")
    except (ValueError, RecursionError):
        raise InvalidFlag("the snapshot is not JSON") from None
    return Snapshot(
        environment=member(members, "environment", str),
        revision=member(members, "revision", int),
        epoch=member(members, "epoch", int),
        valid_for=seconds(members.get("validFor", 0)),
        flags=tuple(array(members.get("flags"), "flags")),
        body=body,
    )


def seconds(value: object) -> float:
    """A duration in a JSON text; what is not a number above 0 grants nothing."""
    if isinstance(value, Decimal | int | float) and not isinstance(value, bool) and value > 0:
        return float(value)
    return 0.0


def _refuse(constant: str) -> None:
    raise ValueError(constant)
