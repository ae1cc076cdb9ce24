"""Where an airport stands in its country by height: repository indirection (legacy), functions over a connection.

Legacy asks an interface, whose one implementation goes through a mapper, in a unit of work that opens a transaction
for reading. Candidate is two functions and two statements; what they give is what the answer needs.
"""

from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, cast

from sqlalchemy import BindParameter, Select, and_, bindparam, func, literal, or_, select, union_all
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from examples.airports.answers import Answer, Params
from examples.airports.component import Component, differing
from examples.airports.components import standing_repository
from examples.airports.components.standing_repository import UnitOfWork
from examples.airports.components.standings import Neighbour, Question, Standing, read, rendered
from examples.airports.database import airports
from examples.airports.directory import Directory

NAME = "repository-pattern-removal"
PATH = "/standing"
_TOLERANCE_FT = 0.11


async def standing(connection: AsyncConnection, question: Question) -> Standing | None:
    """Candidate: the airport with what its country says about it, then its neighbours."""
    found = (await connection.execute(_AIRPORT, {"code": question.code})).one_or_none()
    if found is None:
        return None
    higher, lower = await neighbours(connection, found, most=question.neighbours)
    return Standing(
        icao=found.icao,
        name=found.name,
        country=found.country,
        elevation_ft=found.elevation_ft,
        higher_airports=found.higher_airports,
        airports=found.airports,
        mean_ft=float(found.mean_ft),
        higher=higher,
        lower=lower,
    )


async def neighbours(
    connection: AsyncConnection, airport: Row[*tuple[Any, ...]], *, most: int
) -> tuple[list[Neighbour], list[Neighbour]]:
    """The airports next above and next below, the nearest first."""
    beside = {"country": airport.country, "elevation_ft": airport.elevation_ft, "icao": airport.icao, "most": most}
    rows = (await connection.execute(_NEIGHBOURS, beside)).all()
    return _those(rows, is_higher=True), _those(rows, is_higher=False)


def _those(rows: Iterable[Row[*tuple[Any, ...]]], *, is_higher: bool) -> list[Neighbour]:
    found = [(row.icao, row.elevation_ft) for row in rows if row.is_higher is is_higher]
    return sorted(found, key=lambda one: (-one[1], one[0]), reverse=is_higher)


def _airport() -> Select[Any]:
    one, other = airports.alias("one"), airports.alias("other")
    is_higher = or_(
        other.c.elevation_ft > one.c.elevation_ft,
        and_(other.c.elevation_ft == one.c.elevation_ft, other.c.icao < one.c.icao),
    )
    columns = (one.c.icao, one.c.name, one.c.country, one.c.elevation_ft)
    counted = (
        func.count().filter(is_higher).label("higher_airports"),
        func.count().label("airports"),
        func.avg(other.c.elevation_ft).label("mean_ft"),
    )
    statement = select(*columns, *counted).join(other, other.c.country == one.c.country).group_by(*columns)
    return statement.where(or_(one.c.icao == bindparam("code"), one.c.iata == bindparam("code")))


def _next(*, is_higher: bool) -> Select[Any]:
    elevation, icao = airports.c.elevation_ft, airports.c.icao
    its_elevation: BindParameter[int] = bindparam("elevation_ft")
    its_icao: BindParameter[str] = bindparam("icao")
    same = elevation == its_elevation
    beside, order = (
        (or_(elevation > its_elevation, and_(same, icao < its_icao)), (elevation.asc(), icao.desc()))
        if is_higher
        else (or_(elevation < its_elevation, and_(same, icao > its_icao)), (elevation.desc(), icao.asc()))
    )
    statement = select(icao, elevation, literal(is_higher).label("is_higher"))
    nearest = statement.where(airports.c.country == bindparam("country"), beside).order_by(*order)
    return select(nearest.limit(bindparam("most")).subquery())


_AIRPORT = _airport()
_NEIGHBOURS = union_all(_next(is_higher=True), _next(is_higher=False))


def differences(legacy: Answer, candidate: Answer) -> list[str]:
    """Compare status, the airport, its rank, and its neighbours in their order with every field.

    Intended differences: the database averages with decimals and Python with binary fractions, so that the mean
    elevation may be rounded to the other tenth of a foot.
    """
    if legacy.status != candidate.status:
        return ["status"]
    ours, theirs = legacy.body.get("mean_ft"), candidate.body.get("mean_ft")
    if isinstance(ours, float) and isinstance(theirs, float) and abs(ours - theirs) <= _TOLERANCE_FT:
        return differing({**legacy.body, "mean_ft": None}, {**candidate.body, "mean_ft": None})
    return differing(legacy.body, candidate.body)


def alter(answer: Answer) -> Answer:
    """One rank too low; a refusal with another code."""
    if answer.status != HTTPStatus.OK:
        return replace(answer, body={**answer.body, "code": "unknown"})
    return replace(answer, body={**answer.body, "rank": cast("int", answer.body["rank"]) + 1})


def build(engine: AsyncEngine, _: Directory) -> Component:
    """The component over one database."""

    async def legacy(params: Params) -> Answer:
        question = read(params)
        async with UnitOfWork(engine) as work:
            return rendered(await standing_repository.standing(work, question))

    async def candidate(params: Params) -> Answer:
        question = read(params)
        async with engine.connect() as connection:
            return rendered(await standing(connection, question))

    return Component(
        name=NAME,
        legacy=legacy,
        candidate=candidate,
        differences=differences,
        alter=alter,
        probes=(({"code": "FRA"}, "EDDF"), ({"code": "lszh", "neighbours": "5"}, "LSZH")),
        path=PATH,
    )
