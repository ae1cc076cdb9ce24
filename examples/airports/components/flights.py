"""The arithmetic of a direct flight: how far, how long, and what the clock shows on arrival."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from examples.airports.directory import Airport, distance_km

CODE = re.compile(r"[A-Za-z0-9]{3,4}", re.ASCII)
LOCAL_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}", re.ASCII)
FURTHEST_KM = 15_000.0
YEARS = range(2000, 2100)
_KM_PER_HOUR = 850.0
_MINUTES_ON_THE_GROUND = 30


@dataclass(frozen=True, slots=True)
class Leg:
    """A direct flight between two airports."""

    start: Airport
    end: Airport

    @property
    def kilometres(self) -> float:
        """The great-circle distance."""
        start, end = self.start, self.end
        return distance_km(start.latitude, start.longitude, end.latitude, end.longitude)

    @property
    def minutes(self) -> int:
        """From gate to gate."""
        return round(_MINUTES_ON_THE_GROUND + 60 * self.kilometres / _KM_PER_HOUR)


def exists(moment: datetime) -> bool:
    """Whether a clock ever shows it: not while it is put forward."""
    return moment.astimezone(UTC).astimezone(moment.tzinfo).replace(tzinfo=None) == moment.replace(tzinfo=None)


def schedule(leg: Leg, departs: datetime, arrival_zone: ZoneInfo) -> Mapping[str, object]:
    """What a traveller wants to know, with both local times."""
    arrives = (departs.astimezone(UTC) + timedelta(minutes=leg.minutes)).astimezone(arrival_zone)
    return {
        "from": leg.start.icao,
        "to": leg.end.icao,
        "kilometres": round(leg.kilometres, 1),
        "minutes": leg.minutes,
        "departs": departs.isoformat(timespec="minutes"),
        "arrives": arrives.isoformat(timespec="minutes"),
    }
