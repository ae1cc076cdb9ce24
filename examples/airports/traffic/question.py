"""One request, or one message over a connection."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """What a component is asked; `path` is empty for a message over a live connection."""

    component: str
    params: Mapping[str, str]
    path: str = ""
