"""A request as a value, and what its answer means: shared by both clients, which only send."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from crossfade.control.errors import ControlError, UnexpectedAnswer, refused

T = TypeVar("T")
_ACCEPTED = range(200, 300)
_REFUSED = range(400, 600)
_OF_A_PROXY = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """What is asked, and how its answer is read; `path` is below /api/migration/."""

    method: str
    path: str
    read: Callable[[Any], T]
    body: Mapping[str, object] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = True
    """Whether sending it twice under one key does no more than sending it once."""

    @property
    def is_order(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"

    @property
    def content(self) -> bytes | None:
        """The body as it is sent."""
        return None if self.body is None else json.dumps(self.body).encode()

    def outcome(self, status: int, content: bytes) -> T:
        """What an answer means.

        Raises:
            Refused: The server said no, and why.
            UnexpectedAnswer: It is no answer of Crossfade.
        """
        members = parsed(content)
        if status in _ACCEPTED and members is not None:
            return self.read(members)
        raise refusal(status, members)


def refusal(status: int, members: object) -> ControlError:
    """The error for an answer that is no success."""
    if status in _REFUSED and isinstance(members, dict) and "title" in members:
        return refused(status, members)
    if status in _OF_A_PROXY:
        return refused(
            status, {"title": f"HTTP status {status}.", "detail": "Something answers in the server's place."}
        )
    return UnexpectedAnswer(f"HTTP status {status} without Crossfade's JSON; is this its address?")


def parsed(content: bytes) -> object:
    """The JSON of an answer; None where it is none."""
    try:
        found: object = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found
