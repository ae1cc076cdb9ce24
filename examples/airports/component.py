"""The shape that all five components share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from examples.airports.answers import Answer, Params, Side

Differences: TypeAlias = Callable[[Answer, Answer], list[str]]
"""Gives the paths of the fields in which candidate's answer differs from legacy's beyond what is intended."""


@dataclass(frozen=True, slots=True)
class Component:
    """One thing that is migrated: both implementations, how to compare them, and how a wrong answer would look.

    `probes` are questions about airports that do not change, each with the ICAO code that both answers must name.
    `memory` gives the share of its budget that a variant uses, where the component has one.
    """

    name: str
    legacy: Side
    candidate: Side
    differences: Differences
    alter: Callable[[Answer], Answer]
    probes: Sequence[tuple[Params, str]]
    memory: Mapping[str, Callable[[], float]] = field(default_factory=dict)


def differing(legacy: Mapping[str, object], candidate: Mapping[str, object], *, within: str = "") -> list[str]:
    """The keys whose values differ, as paths."""
    names = sorted(legacy.keys() | candidate.keys())
    return [f"{within}{name}" for name in names if legacy.get(name, _ABSENT) != candidate.get(name, _ABSENT)]


_ABSENT = object()
