"""From instants to figures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Latency:
    """From a commit to those who wait for it, in milliseconds.

    Attributes:
        missing: How often a client never got a revision or a newer one.
    """

    deliveries: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    missing: int


def latency(commits: Mapping[int, float], received: Iterable[Sequence[tuple[int, float]]]) -> Latency:
    """The latency over all commits and all clients; a newer revision delivers the older ones, too."""
    taken: list[float] = []
    missing = 0
    for client in received:
        for revision, committed in commits.items():
            instants = [instant for got, instant in client if got >= revision]
            if instants:
                taken.append((min(instants) - committed) * 1000)
            else:
                missing += 1
    return Latency(len(taken), median(taken), percentile(taken, 99), max(taken), missing)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of them do not exceed (nearest rank)."""
    ranked = sorted(values)
    rank = -(-len(ranked) * percent // 100)
    return ranked[max(0, int(rank) - 1)]


def busiest(instants: Sequence[float], *, seconds: float) -> int:
    """The most that came within so many seconds."""
    ranked = sorted(instants)
    return max(sum(1 for other in ranked[place:] if other <= first + seconds) for place, first in enumerate(ranked))
