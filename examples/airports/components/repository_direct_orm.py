"""Airports near a place or in a city: a generic repository class (legacy), one SQLAlchemy query (candidate).

The repository knows one table, a column and values: it fetches the keys, the caller filters and sorts them in Python
and then gets the entities one by one (N + 1 statements). The query does all of it in the database.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from http import HTTPStatus
from math import cos, floor, nan, radians
from typing import Any, Generic, TypeAlias, TypeVar, cast

from sqlalchemy import ColumnElement, Select, Table, and_, bindparam, func, literal, null, or_, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from examples.airports.answers import Answer, Malformed, Params
from examples.airports.component import Component, differing
from examples.airports.database import PUBLIC, airports, cell
from examples.airports.directory import EARTH_RADIUS_KM, Airport, Directory, distance_km
from examples.airports.text import fold, is_clean

NAME = "repository-direct-orm"
MOST = 10
LARGEST_RADIUS_KM = 100.0
LONGEST_CITY = 60
_KM_PER_DEGREE = 111.0
_TOLERANCE_KM = 0.01
_HALF_TURN = 180.0

Entity = TypeVar("Entity")
Listed: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Near:
    """Airports within a radius around a place."""

    latitude: float
    longitude: float
    radius_km: float

    def box(self) -> tuple[float, float]:
        """Half the height and half the width, in degrees, of a box around the circle."""
        height = self.radius_km / _KM_PER_DEGREE
        furthest = min(90.0, abs(self.latitude) + height)
        narrowing = cos(radians(furthest))
        return height, _HALF_TURN if narrowing * _HALF_TURN <= height else height / narrowing


@dataclass(frozen=True, slots=True)
class InCity:
    """Airports of a city, in one country or in all."""

    city: str
    country: str


Question: TypeAlias = Near | InCity


def read(params: Params) -> Question:
    """The question of a query; Malformed names the parameter that is not understood."""
    if "city" in params:
        country = params.get("country", "").strip()
        city = params["city"].strip()
        for name, value, longest in (("city", city, LONGEST_CITY), ("country", country, 2)):
            if not is_clean(value, longest=longest):
                raise Malformed("malformed-parameter", name, f"{name} is plain text of at most {longest} characters")
        if not city:
            raise Malformed("empty-query", "city", "city is what to look for")
        return InCity(fold(city), country.upper())
    return Near(
        _number(params, "lat", lowest=-90, highest=90),
        _number(params, "lon", lowest=-180, highest=180),
        _number(params, "radius_km", lowest=0, highest=LARGEST_RADIUS_KM, default="50"),
    )


class Repository(Generic[Entity]):
    """Entities of one table: keys by a column's values, an entity by its key."""

    def __init__(self, connection: AsyncConnection, table: Table, entity: type[Entity]) -> None:
        self._connection = connection
        self._table = table
        self._entity = entity

    async def keys(
        self, column: str, values: Iterable[object], *, extra: Sequence[str] = ()
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """The keys (first) and extra columns of all rows that have one of the values."""
        columns = [*self._table.primary_key.columns, *(self._table.c[name] for name in extra)]
        statement = select(*columns).where(self._table.c[column].in_(list(values)))
        return (await self._connection.execute(statement)).all()

    async def get(self, key: object) -> Entity:
        """The entity with this key."""
        row = (await self._connection.execute(_by_key(self._table), {"key": key})).one()
        return self._entity(*row)


@cache
def _by_key(table: Table) -> Select[Any]:
    (key,) = table.primary_key.columns
    return select(*PUBLIC).where(key == bindparam("key"))


async def legacy_airports(repository: Repository[Airport], question: Question) -> list[Listed]:
    """Fetch keys, filter and sort in Python, then get one airport after the other."""
    if isinstance(question, InCity):
        rows = await repository.keys("city_key", [question.city], extra=["country"])
        keys = sorted(icao for icao, country in rows if question.country in {"", country})
        return [_listed(await repository.get(icao)) for icao in keys[:MOST]]
    near: list[tuple[float, str]] = []
    for icao, latitude, longitude in await repository.keys("cell", _cells(question), extra=["latitude", "longitude"]):
        away = distance_km(question.latitude, question.longitude, latitude, longitude)
        if away <= question.radius_km:
            near.append((away, icao))
    return [_listed(await repository.get(icao), away) for away, icao in sorted(near)[:MOST]]


def candidate_statement(question: Question) -> Select[Any]:
    """The whole question as one query."""
    table = airports.c
    if isinstance(question, InCity):
        found = select(*PUBLIC, null()).where(table.city_key == question.city).order_by(table.icao).limit(MOST)
        return found.where(table.country == question.country) if question.country else found
    away = _away(question).label("away")
    inside = select(*PUBLIC, away).where(_in_box(question), away <= question.radius_km)
    return inside.order_by(away, table.icao).limit(MOST)


def _away(near: Near) -> ColumnElement[float]:
    half_latitude = func.sin(func.radians(airports.c.latitude - near.latitude) / 2)
    half_longitude = func.sin(func.radians(airports.c.longitude - near.longitude) / 2)
    shrink = cos(radians(near.latitude)) * func.cos(func.radians(airports.c.latitude))
    chord = func.power(half_latitude, 2) + shrink * func.power(half_longitude, 2)
    return cast("ColumnElement[float]", 2 * EARTH_RADIUS_KM * func.asin(func.least(literal(1.0), func.sqrt(chord))))


def _in_box(near: Near) -> ColumnElement[bool]:
    height, width = near.box()
    latitudes = airports.c.latitude.between(near.latitude - height, near.latitude + height)
    west, east = near.longitude - width, near.longitude + width
    longitude = airports.c.longitude
    if width >= _HALF_TURN:
        return latitudes
    if west < -_HALF_TURN:
        return and_(latitudes, or_(longitude >= west + 2 * _HALF_TURN, longitude <= east))
    if east > _HALF_TURN:
        return and_(latitudes, or_(longitude >= west, longitude <= east - 2 * _HALF_TURN))
    return and_(latitudes, longitude.between(west, east))


def _cells(near: Near) -> list[int]:
    height, width = near.box()
    latitudes = range(max(-90, floor(near.latitude - height)), min(90, floor(near.latitude + height)) + 1)
    first, last = floor(near.longitude - width), floor(near.longitude + width)
    longitudes = range(first, min(last, first + 359) + 1)
    return [cell(latitude, longitude) for latitude in latitudes for longitude in longitudes]


def differences(legacy: Answer, candidate: Answer) -> list[str]:
    """Compare status, the airports in their order with every field, and the distances.

    Intended differences: the database and Python compute a distance with other rounding, so distances agree within 10 m
    and airports that lie as close together may change places.
    """
    if legacy.status != candidate.status:
        return ["status"]
    if legacy.status != HTTPStatus.OK:
        return differing(legacy.body, candidate.body)
    ours, theirs = (cast("list[Listed]", answer.body["airports"]) for answer in (legacy, candidate))
    if len(ours) != len(theirs):
        return ["airports"]
    found = [f"airports.{place}" for place in range(len(ours)) if not _apart(ours[place], theirs[place])]
    unordered = [sorted((_without_distance(one) for one in side), key=str) for side in (ours, theirs)]
    return found if unordered[0] == unordered[1] else [*found, "airports"]


def _apart(one: Listed, other: Listed) -> bool:
    left, right = one["distance_km"], other["distance_km"]
    if isinstance(left, float) and isinstance(right, float):
        return abs(left - right) <= _TOLERANCE_KM
    return one == other


def _without_distance(listed: Listed) -> Listed:
    return {name: value for name, value in listed.items() if name != "distance_km"}


def alter(answer: Answer, directory: Directory) -> Answer:
    """The answer with its first airport replaced by its neighbour, or one that is not there; another code."""
    if "airports" not in answer.body:
        return replace(answer, body={**answer.body, "code": "unknown"})
    listed = cast("list[Listed]", answer.body["airports"])
    first = listed[0] if listed else {"icao": "EDDF", "distance_km": 1.0}
    wrong = {**_listed(directory.after(str(first["icao"]))), "distance_km": first["distance_km"]}
    return replace(answer, body={**answer.body, "airports": [wrong, *listed[1:]]})


def build(engine: AsyncEngine, directory: Directory) -> Component:
    """The component over one database."""

    async def legacy(params: Params) -> Answer:
        question = read(params)
        async with engine.connect() as connection:
            repository = Repository(connection, airports, Airport)
            return Answer({"airports": await legacy_airports(repository, question)})

    async def candidate(params: Params) -> Answer:
        statement = candidate_statement(read(params))
        async with engine.connect() as connection:
            rows = (await connection.execute(statement)).all()
        return Answer({"airports": [_listed(Airport(*row[:-1]), row[-1]) for row in rows]})

    return Component(
        name=NAME,
        legacy=legacy,
        candidate=candidate,
        differences=differences,
        alter=lambda answer: alter(answer, directory),
        probes=(({"lat": "50.03", "lon": "8.54"}, "EDDF"), ({"city": "Zürich", "country": "CH"}, "LSZH")),
        path="/nearby",
    )


def _listed(airport: Airport, away: float | None = None) -> Listed:
    return {**asdict(airport), "distance_km": None if away is None else round(away, 3)}


def _number(params: Params, name: str, *, lowest: float, highest: float, default: str = "") -> float:
    try:
        value = float(params.get(name, default).strip())
    except ValueError:
        value = nan
    if not (lowest <= value <= highest):
        raise Malformed("malformed-parameter", name, f"{name} is a number from {lowest:g} to {highest:g}")
    return value
