"""What `repository-pattern-removal` is asked, and the shape of its answer."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from examples.airports.answers import Answer, Malformed, Params, problem

CODE = re.compile(r"[A-Za-z0-9]{3,4}", re.ASCII)
COUNT = re.compile(r"\d", re.ASCII)
MOST_NEIGHBOURS = 5
DEFAULT_NEIGHBOURS = "2"

Neighbour: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Question:
    """An airport, and how many of those next to it in height are wanted on each side."""

    code: str
    neighbours: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an airport stands among those of its country, the highest first; neighbours are the nearest first."""

    icao: str
    name: str
    country: str
    elevation_ft: int
    higher_airports: int
    airports: int
    mean_ft: float
    higher: Iterable[Neighbour]
    lower: Iterable[Neighbour]


def read(params: Params) -> Question:
    """The question of a query; Malformed names the parameter that is not understood."""
    code = params.get("code", "").strip()
    if not CODE.fullmatch(code):
        raise Malformed("malformed-code", "code", "An airport's code has three or four letters or digits.")
    neighbours = params.get("neighbours", "").strip() or DEFAULT_NEIGHBOURS
    if not COUNT.fullmatch(neighbours) or int(neighbours) > MOST_NEIGHBOURS:
        raise Malformed("malformed-parameter", "neighbours", f"neighbours is a number from 0 to {MOST_NEIGHBOURS}")
    return Question(code.upper(), int(neighbours))


def rendered(standing: Standing | None) -> Answer:
    """The standing, or that there is no such airport."""
    if standing is None:
        return problem(404, code="unknown-airport", detail="There is no airport with this code.", parameter="code")
    return Answer(
        {
            "icao": standing.icao,
            "name": standing.name,
            "country": standing.country,
            "elevation_ft": standing.elevation_ft,
            "rank": standing.higher_airports + 1,
            "of": standing.airports,
            "mean_ft": round(standing.mean_ft, 1),
            "higher": [_listed(one) for one in standing.higher],
            "lower": [_listed(one) for one in standing.lower],
        }
    )


def _listed(neighbour: Neighbour) -> Mapping[str, object]:
    icao, elevation_ft = neighbour
    return {"icao": icao, "elevation_ft": elevation_ft}
