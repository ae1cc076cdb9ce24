"""The airports in memory: values, look-up by code, and the distance between two of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0088


@dataclass(frozen=True, slots=True)
class Airport:
    """One airport; `iata` and `city` are empty for most of the small ones."""

    icao: str
    iata: str
    name: str
    city: str
    subdivision: str
    country: str
    elevation_ft: int
    latitude: float
    longitude: float
    time_zone: str

    @property
    def importance(self) -> int:
        """How likely a person means this one: 2 international, 1 with airline traffic (an IATA code), else 0."""
        return (2 if "International" in self.name else 1) if self.iata else 0


class Directory:
    """All airports, ordered by ICAO code."""

    def __init__(self, airports: Iterable[Airport]) -> None:
        self.airports: Sequence[Airport] = sorted(airports, key=lambda airport: airport.icao)

    @cached_property
    def _by_code(self) -> dict[str, Airport]:
        by_iata = {airport.iata: airport for airport in self.airports if airport.iata}
        return by_iata | {airport.icao: airport for airport in self.airports}

    def find(self, code: str) -> Airport | None:
        """The airport with this ICAO (or local) code, else with this IATA code."""
        return self._by_code.get(code.strip().upper())

    def after(self, icao: str) -> Airport:
        """The next airport in order of ICAO code: what an off-by-one error would give."""
        places = self._places
        return self.airports[(places.get(icao, -1) + 1) % len(self.airports)]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {airport.icao: place for place, airport in enumerate(self.airports)}


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance (haversine formula, mean earth radius)."""
    half_latitude = sin(radians(other_latitude - latitude) / 2)
    half_longitude = sin(radians(other_longitude - longitude) / 2)
    chord = half_latitude**2 + cos(radians(latitude)) * cos(radians(other_latitude)) * half_longitude**2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord)))
