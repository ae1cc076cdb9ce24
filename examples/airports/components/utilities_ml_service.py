"""Airports like this one: a canned list for each country (legacy), a nearest-neighbour model (candidate).

Legacy recommends the best-known airports of the country, whatever was asked for. Candidate has a model of scikit-learn:
a k-d tree over position on the globe, elevation and importance.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from itertools import pairwise
from math import cos, radians, sin
from sys import getsizeof
from typing import TypeAlias, cast

import numpy as np
from sklearn.neighbors import KDTree  # type: ignore[import-untyped]  # it ships no types

from examples.airports.answers import Answer, Malformed, Params, problem
from examples.airports.component import Component, differing
from examples.airports.directory import EARTH_RADIUS_KM, Airport, Directory, distance_km
from examples.airports.memory import Memory

NAME = "utilities-ml-service"
MOST = 5
LONGEST_CODE = 4
MODEL_BUDGET_BYTES = 6 << 20
# One step of importance weighs as much as 500 km; 1,000 ft of elevation as much as 100 km.
KM_PER_IMPORTANCE = 500.0
KM_PER_FOOT = 0.1
# What is nearest by the root of squares, as the tree measures, is not always nearest by their sum.
_SLACK = 1.05
_LEAST_KM = 1.0
_TOLERANCE_KM = 0.11

Listed: TypeAlias = dict[str, object]
Recommend: TypeAlias = Callable[[Airport], Sequence[Airport]]


class Canned:
    """Legacy: somebody once wrote down the best-known airports of each country, and some for the rest of the world."""

    def __init__(self, directory: Directory) -> None:
        known = sorted(directory.airports, key=lambda airport: (-airport.importance, airport.icao))
        self._lists: dict[str, list[Airport]] = defaultdict(list)
        for airport in known:
            if len(self._lists[airport.country]) <= MOST:
                self._lists[airport.country].append(airport)
        self._anywhere = known[: 2 * MOST]
        self.kept_bytes = getsizeof(self._lists) + sum(map(getsizeof, self._lists.values()))

    def __call__(self, airport: Airport) -> Sequence[Airport]:
        """The same few for every airport of a country."""
        offered = dict.fromkeys((*self._lists[airport.country], *self._anywhere))
        return [other for other in offered if other != airport][:MOST]


class Model:
    """Candidate: the nearest neighbours among all airports."""

    def __init__(self, directory: Directory) -> None:
        self._airports = directory.airports
        self._tree = KDTree(np.array([features(airport) for airport in directory.airports]))
        self.kept_bytes: int = sum(np.asarray(part).nbytes for part in self._tree.get_arrays())

    def __call__(self, airport: Airport) -> Sequence[Airport]:
        """The most alike first."""
        places = self._tree.query([features(airport)], k=MOST + 1, return_distance=False)[0]
        found = [self._airports[int(place)] for place in places]
        alike = [other for other in found if other != airport][:MOST]
        return sorted(alike, key=lambda other: (unlikeness_km(airport, other), other.icao))


def features(airport: Airport) -> tuple[float, ...]:
    """An airport as a point, in kilometres: its place on the globe, its elevation, its importance."""
    latitude, longitude = radians(airport.latitude), radians(airport.longitude)
    return (
        EARTH_RADIUS_KM * cos(latitude) * cos(longitude),
        EARTH_RADIUS_KM * cos(latitude) * sin(longitude),
        EARTH_RADIUS_KM * sin(latitude),
        KM_PER_FOOT * airport.elevation_ft,
        KM_PER_IMPORTANCE * airport.importance,
    )


def unlikeness_km(one: Airport, other: Airport) -> float:
    """How unlike two airports are: great-circle distance, elevation and importance added up, no tree and no chord."""
    away = distance_km(one.latitude, one.longitude, other.latitude, other.longitude)
    climb = KM_PER_FOOT * abs(one.elevation_ft - other.elevation_ft)
    return away + climb + KM_PER_IMPORTANCE * abs(one.importance - other.importance)


def differences(legacy: Answer, candidate: Answer, directory: Directory) -> list[str]:
    """Compare status and subject, and judge candidate's recommendations by a measure that neither side uses.

    Intended differences: the recommendations. Each of candidate's must be an existing airport with its true fields and
    distance, none twice, never the one that was asked for, the most alike first, and taken together they must not be
    less like it than legacy's.
    """
    if legacy.status != candidate.status:
        return ["status"]
    if legacy.status != HTTPStatus.OK:
        return differing(legacy.body, candidate.body)
    if legacy.body["airport"] != candidate.body["airport"]:
        return ["airport"]
    subject = directory.find(str(candidate.body["airport"]))
    assert subject is not None
    ours, theirs = (_airports(side.body, directory) for side in (legacy, candidate))
    listed = cast("list[Listed]", candidate.body["similar"])
    found = [f"similar.{place}" for place, one in enumerate(listed) if not _is_true(one, theirs[place], subject)]
    likeness = [unlikeness_km(subject, other) for other in theirs if other]
    if len(set(theirs)) < len(listed) or subject in theirs or len(listed) < len(ours):
        found.append("similar.distinct")
    if any(left > right for left, right in pairwise(likeness)):
        found.append("similar.order")
    legacy_likeness = [unlikeness_km(subject, other) for other in ours if other]
    if sum(likeness) > _SLACK * sum(legacy_likeness) + _LEAST_KM:
        found.append("similar.alike")
    return found


def _airports(body: Mapping[str, object], directory: Directory) -> list[Airport | None]:
    return [directory.find(str(one["icao"])) for one in cast("list[Listed]", body["similar"])]


def _is_true(listed: Listed, airport: Airport | None, subject: Airport) -> bool:
    if airport is None:
        return False
    true = _listed(subject, airport)
    is_near = abs(cast("float", listed["km"]) - cast("float", true["km"])) <= _TOLERANCE_KM
    return is_near and not [name for name in true if name != "km" and true[name] != listed.get(name)]


def alter(answer: Answer, directory: Directory) -> Answer:
    """The answer with its first recommendation replaced by that airport's neighbour in the directory; another code."""
    if "similar" not in answer.body:
        return replace(answer, body={**answer.body, "code": "unknown"})
    first, *rest = cast("list[Listed]", answer.body["similar"])
    other = directory.after(str(first["icao"]))
    wrong = {**_listed(other, other), "km": first["km"]}
    return replace(answer, body={**answer.body, "similar": [wrong, *rest]})


def build(directory: Directory) -> Component:
    """The component over one directory; the model is made here, in a fraction of a second."""
    canned, model = Canned(directory), Model(directory)

    async def legacy(params: Params) -> Answer:
        return _answer(params, directory, canned)

    async def candidate(params: Params) -> Answer:
        return _answer(params, directory, model)

    return Component(
        name=NAME,
        legacy=legacy,
        candidate=candidate,
        differences=lambda one, other: differences(one, other, directory),
        alter=lambda answer: alter(answer, directory),
        probes=(({"like": "FRA"}, "EDDF"), ({"like": "kjfk"}, "KJFK")),
        path="/similar",
        memory={
            "legacy": Memory(MODEL_BUDGET_BYTES, lambda: canned.kept_bytes),
            "candidate": Memory(MODEL_BUDGET_BYTES, lambda: model.kept_bytes),
        },
    )


def _answer(params: Params, directory: Directory, recommend: Recommend) -> Answer:
    code = params.get("like", "").strip()
    if not code:
        raise Malformed("missing-parameter", "like", "like is the code of an airport")
    if not (code.isascii() and code.isalnum() and len(code) <= LONGEST_CODE):
        raise Malformed("malformed-code", "like", "an airport's code has three or four letters or digits")
    airport = directory.find(code)
    if airport is None:
        return problem(404, code="unknown-airport", detail="There is no airport with this code.", parameter="like")
    return Answer({"airport": airport.icao, "similar": [_listed(airport, other) for other in recommend(airport)]})


def _listed(subject: Airport, other: Airport) -> Listed:
    away = distance_km(subject.latitude, subject.longitude, other.latitude, other.longitude)
    return {
        "icao": other.icao,
        "name": other.name,
        "city": other.city,
        "country": other.country,
        "elevation_ft": other.elevation_ft,
        "km": round(away, 1),
    }
