"""What a client says about itself."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Status:
    """How a client stands.

    Attributes:
        connected: Whether the last question to the server was answered in agreement.
        revision: The revision that is served.
        age: Seconds since the server last confirmed it; None if it never did.
        source: network, cache, bootstrap, none, forced (legacy by order of this machine) or closed.
        streaming: Whether the server tells of changes by itself; without, they are found by asking each second.
        dropped: Samples that never reached the server.
        comparisons_dropped: Shadowed calls for which there was no room or no time.
        evaluation_errors: Evaluations that a condition or a context made senseless.
    """

    connected: bool
    revision: int
    age: float | None
    source: str
    streaming: bool
    dropped: int
    comparisons_dropped: int
    evaluation_errors: int


@dataclass(frozen=True, slots=True)
class FlagStatus:
    """What a client knows about a flag."""

    name: str
    is_live: bool
    percentage: Decimal
