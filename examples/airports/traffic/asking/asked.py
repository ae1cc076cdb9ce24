"""A component as its users see it: where it answers, and what they ask it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from examples.airports.traffic.asking.material import Material
from examples.airports.traffic.lines import Line
from examples.airports.traffic.target import Target

Asker: TypeAlias = Callable[[Material], Mapping[str, str]]
Opener: TypeAlias = Callable[[Target, str], Awaitable[Line]]


@dataclass(frozen=True, slots=True)
class Asked:
    """Has either the path of its address, or what opens a live connection for a person (Moved when that failed).

    The parameters of a question over a connection are one: `message`, the JSON text.
    """

    component: str
    ask: Asker
    path: str = ""
    open: Opener | None = None

    def __post_init__(self) -> None:
        if bool(self.path) is (self.open is not None):
            raise ValueError(f"{self.component} is asked by its path or over a connection")
