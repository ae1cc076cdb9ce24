"""The shape that all components share."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from examples.airports.answers import Answer, Params, Side
from examples.airports.memory import Memory

Differences: TypeAlias = Callable[[Answer, Answer], list[str]]
"""Gives the paths of the fields in which candidate's answer differs from legacy's beyond what is intended."""


async def _nothing() -> None:
    """Most components open nothing."""


@dataclass(frozen=True, slots=True)
class Component:
    """One thing that is migrated: both implementations, how to compare them, and how a wrong answer would look.

    `probes` are questions about airports that do not change, each with the ICAO code that both answers must name.
    `path` is its address; without one it is asked over live connections, and its one parameter is `message`, the JSON
    text of a message. `memory` tells by variant what each side keeps, where that is worth a budget. `close` ends what
    the component has opened.
    """

    name: str
    legacy: Side
    candidate: Side
    differences: Differences
    alter: Callable[[Answer], Answer]
    probes: Sequence[tuple[Params, str]]
    path: str = ""
    memory: Mapping[str, Memory] = field(default_factory=dict)
    close: Callable[[], Awaitable[None]] = _nothing


def differing(legacy: Mapping[str, object], candidate: Mapping[str, object], *, within: str = "") -> list[str]:
    """The keys whose values differ, as paths."""
    names = sorted(legacy.keys() | candidate.keys())
    return [f"{within}{name}" for name in names if legacy.get(name, _ABSENT) != candidate.get(name, _ABSENT)]


_ABSENT = object()
