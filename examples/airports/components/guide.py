"""What the guide knows: the operations of `errors-middleware` without their errors."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property
from math import atan2, cos, degrees, radians, sin
from typing import TypeAlias
from zoneinfo import ZoneInfo

from examples.airports.directory import Airport, Directory, distance_km

CODE = re.compile(r"[A-Za-z0-9]{3,4}", re.ASCII)
COUNTRY = re.compile(r"[A-Za-z]{2}", re.ASCII)
DAY = re.compile(r"20\d{2}-\d{2}-\d{2}", re.ASCII)

Facts: TypeAlias = Mapping[str, object]


class Guide:
    """Facts about airports and countries."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory

    @cached_property
    def _extremes(self) -> Mapping[str, tuple[Airport, Airport]]:
        found: dict[str, tuple[Airport, Airport]] = {}
        for airport in self.directory.airports:
            lowest, highest = found.get(airport.country, (airport, airport))
            found[airport.country] = (
                min(lowest, airport, key=lambda one: one.elevation_ft),
                max(highest, airport, key=lambda one: one.elevation_ft),
            )
        return found

    def has_country(self, country: str) -> bool:
        """Whether any airport is in it."""
        return country in self._extremes

    def extremes(self, country: str) -> Facts:
        """The lowest and the highest airport of a country."""
        lowest, highest = self._extremes[country]
        return {
            "country": country,
            "lowest": {"icao": lowest.icao, "elevation_ft": lowest.elevation_ft},
            "highest": {"icao": highest.icao, "elevation_ft": highest.elevation_ft},
        }

    @staticmethod
    def airport(airport: Airport) -> Facts:
        """What a sign says."""
        return {"icao": airport.icao, "name": airport.name, "city": airport.city, "country": airport.country}

    @staticmethod
    def course(start: Airport, end: Airport) -> Facts:
        """The distance and the initial course of the great circle, clockwise from north."""
        latitude, other = radians(start.latitude), radians(end.latitude)
        turn = radians(end.longitude - start.longitude)
        east = sin(turn) * cos(other)
        north = cos(latitude) * sin(other) - sin(latitude) * cos(other) * cos(turn)
        kilometres = distance_km(start.latitude, start.longitude, end.latitude, end.longitude)
        course = round(degrees(atan2(east, north)) % 360, 1) % 360
        return {"from": start.icao, "to": end.icao, "course_degrees": course, "kilometres": round(kilometres, 1)}

    @staticmethod
    def zone(airport: Airport, day: date) -> Facts:
        """How far local noon is from UTC on a day."""
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(airport.time_zone))
        offset = noon.utcoffset()
        assert offset is not None, "a time with a zone has an offset"
        return {"icao": airport.icao, "day": day.isoformat(), "utc_offset_minutes": int(offset.total_seconds()) // 60}
