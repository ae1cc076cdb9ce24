"""A stream of numbered changes: delays and gates of big airports, as three structures hold it.

The log has every change (of the old ones the last of each airport): legacy sends from it. The recent changes and the
state of all airports are candidate's.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from examples.airports.directory import Airport, Directory

AIRPORTS = 120
CHANGES_A_SECOND = 5.0
RECENT = 200
"""So many changes can be resumed over: what happens in 40 s."""
CHANGE_BYTES = 250
"""A change with its texts, about (sys.getsizeof)."""
_LONGEST_LOG = 600
_GATES = 60
_DELAYS = (0, 0, 0, 5, 10, 15, 30, 45, 90)


@dataclass(frozen=True, slots=True)
class Change:
    """What the board of an airport says from this number on."""

    number: int
    airport: str
    delay_minutes: int
    gate: str

    def as_json(self) -> Mapping[str, object]:
        """As it is sent."""
        return {
            "number": self.number,
            "airport": self.airport,
            "delay_minutes": self.delay_minutes,
            "gate": self.gate,
        }


State: TypeAlias = Mapping[str, Change]


class Stream:
    """Goes on by the clock; whoever reads it first appends what is due."""

    def __init__(self, directory: Directory, clock: Callable[[], float] = time.monotonic) -> None:
        self._airports = _some(directory)
        self._random = Random(3)
        self._clock = clock
        self._began = clock()
        self._log: list[Change] = []
        self._recent: deque[Change] = deque(maxlen=RECENT)
        self._state: dict[str, Change] = {}
        self._number = 0
        for airport in self._airports:
            self._append(airport)

    def advance(self) -> int:
        """Append what is due; the number of the last change."""
        due = len(self._airports) + int((self._clock() - self._began) * CHANGES_A_SECOND)
        while self._number < due:
            self._append(self._random.choice(self._airports))
        if len(self._log) > _LONGEST_LOG:
            self._compact()
        return self._number

    def logged(self, region: str, *, after: int = 0, until: int | None = None) -> Sequence[Change]:
        """Out of the log: the changes of a region after a number."""
        last = self._number if until is None else until
        return [change for change in self._log if after < change.number <= last and _is_in(change, region)]

    def remembered(self, region: str, *, after: int) -> Sequence[Change] | None:
        """Out of the recent changes: those of a region after a number; None when they do not reach back so far."""
        if not self._recent[0].number - 1 <= after <= self._number:
            return None
        return [change for change in self._recent if change.number > after and _is_in(change, region)]

    def state(self, region: str) -> State:
        """What all boards of a region say now."""
        return {airport: change for airport, change in self._state.items() if _is_in(change, region)}

    def log_bytes(self) -> int:
        """What the log keeps."""
        return len(self._log) * CHANGE_BYTES

    def recent_bytes(self) -> int:
        """What the recent changes and the state keep."""
        return (len(self._recent) + len(self._state)) * CHANGE_BYTES

    def _append(self, airport: str) -> None:
        self._number += 1
        gate = f"{self._random.choice('ABCD')}{self._random.randint(1, _GATES)}"
        change = Change(self._number, airport, self._random.choice(_DELAYS), gate)
        self._log.append(change)
        self._recent.append(change)
        self._state[airport] = change

    def _compact(self) -> None:
        """Drop what is older than the recent changes and not the last of its airport by then."""
        oldest = self._recent[0].number
        last = {change.airport: change for change in self._log if change.number < oldest}
        self._log = sorted(last.values(), key=lambda change: change.number) + list(self._recent)


def _some(directory: Directory) -> Sequence[str]:
    """Frankfurt and other big airports all over the world."""
    big: Sequence[Airport] = [airport for airport in directory.airports if airport.importance > 1]
    step = max(1, len(big) // AIRPORTS)
    return sorted({"EDDF", *(airport.icao for airport in big[::step])})


def _is_in(change: Change, region: str) -> bool:
    return change.airport.startswith(region)
