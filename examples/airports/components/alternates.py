"""The rules of `repository-service-layer`: which airport to fly to when the one that was meant is closed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from examples.airports.answers import Answer, Malformed, Params, problem
from examples.airports.directory import Airport, distance_km

MOST = 5
HIGHEST_FT = 8_000
DISTANCES_KM = range(50, 301)
DEFAULT_KM = "200"
_CODE = re.compile(r"[A-Z0-9]{3,4}", re.ASCII)
_DISTANCE = re.compile(r"\d{2,3}", re.ASCII)
_POINTS = 100
_POINTS_INTERNATIONAL = 100
_POINTS_SAME_COUNTRY = 50
_KM_A_POINT = 4
_FEET_A_POINT = 100


@dataclass(frozen=True, slots=True)
class Question:
    """An airport, and how far away an alternate may be."""

    code: str
    within_km: int

    @classmethod
    def read(cls, params: Params) -> Self:
        """The question of a query; Malformed names the parameter that is not understood."""
        code = params.get("code", "").strip().upper()
        if not _CODE.fullmatch(code):
            raise Malformed("malformed-code", "code", "An airport's code has three or four letters or digits.")
        within = params.get("within_km", "").strip() or DEFAULT_KM
        if not _DISTANCE.fullmatch(within) or int(within) not in DISTANCES_KM:
            limits = f"{DISTANCES_KM[0]} to {DISTANCES_KM[-1]}"
            raise Malformed("malformed-parameter", "within_km", f"within_km is a whole number from {limits}")
        return cls(code, int(within))


@dataclass(frozen=True, slots=True)
class Alternate:
    """An airport to fly to instead, and what speaks for and against it."""

    airport: Airport
    kilometres: float
    points: int
    reasons: Sequence[str]


def best(meant: Airport, others: Iterable[Airport], within_km: int) -> Sequence[Alternate]:
    """The alternates within reach, the best first."""
    weighed = (weigh(meant, other) for other in others if other.elevation_ft <= HIGHEST_FT)
    within = [alternate for alternate in weighed if alternate.kilometres <= within_km]
    return sorted(within, key=lambda alternate: (-alternate.points, alternate.airport.icao))


def weigh(meant: Airport, other: Airport) -> Alternate:
    """What speaks for another airport: its size and country; against it: its distance, and how much higher it lies."""
    kilometres = distance_km(meant.latitude, meant.longitude, other.latitude, other.longitude)
    climb_ft = max(0, other.elevation_ft - meant.elevation_ft)
    speaking = {
        "international": _POINTS_INTERNATIONAL if "International" in other.name else 0,
        "same country": _POINTS_SAME_COUNTRY if other.country == meant.country else 0,
    }
    points = _POINTS + sum(speaking.values()) - round(kilometres / _KM_A_POINT) - climb_ft // _FEET_A_POINT
    reasons = [reason for reason, value in speaking.items() if value] + ["higher"] * bool(climb_ft)
    return Alternate(other, kilometres, points, reasons)


def rendered(meant: Airport, within_km: int, found: Sequence[Alternate]) -> Answer:
    """The best of them, and how many there are."""
    body = {"icao": meant.icao, "within_km": within_km, "considered": len(found)}
    return Answer({**body, "alternates": [_listed(alternate) for alternate in found[:MOST]]})


def unknown() -> Answer:
    """There is no airport with the code."""
    return problem(404, code="unknown-airport", detail="There is no airport with this code.", parameter="code")


def _listed(alternate: Alternate) -> Mapping[str, object]:
    return {
        "icao": alternate.airport.icao,
        "name": alternate.airport.name,
        "kilometres": round(alternate.kilometres, 1),
        "points": alternate.points,
        "reasons": list(alternate.reasons),
    }
