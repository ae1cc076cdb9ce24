"""Alternates for an airport that is closed: a fat service (legacy), a thin one (candidate).

The fat service parses, selects three or four times, decides and renders in one class. The thin one reads a question,
sends one query and hands what it finds to rules that know nothing of databases (`alternates.py`).
"""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, cast

from sqlalchemy import ColumnElement, Double, FromClause, Select, and_, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.answers import Answer, Params
from examples.airports.component import Component, differing
from examples.airports.components.alternates import HIGHEST_FT, Question, best, rendered, unknown
from examples.airports.components.fat_service import AlternatesService
from examples.airports.database import airports
from examples.airports.directory import Airport, Directory

NAME = "repository-service-layer"
PATH = "/alternates"
_KM_PER_DEGREE = 111.0
_HALF_TURN = 180.0
_FIELDS = tuple(Airport.__dataclass_fields__)


def _statement() -> Select[Any]:
    """The airport, once for each other one in a box around it, or once with nulls."""
    meant, other = airports.alias("meant"), airports.alias("other")
    columns = [table.c[field].label(f"{table.name}_{field}") for table in (meant, other) for field in _FIELDS]
    reachable = and_(other.c.icao != meant.c.icao, other.c.iata != "", other.c.elevation_ft <= HIGHEST_FT)
    joined = meant.outerjoin(other, and_(reachable, _in_box(meant, other)))
    named = or_(meant.c.icao == bindparam("code"), meant.c.iata == bindparam("code"))
    return select(*columns).select_from(joined).where(named)


def _in_box(meant: FromClause, other: FromClause) -> ColumnElement[bool]:
    height = bindparam("height_degrees", type_=Double)
    narrowing = func.cos(func.radians(func.least(90.0, func.abs(meant.c.latitude) + height)))
    width = height / func.greatest(narrowing, height / _HALF_TURN)
    apart = func.abs(other.c.longitude - meant.c.longitude)
    return and_(
        other.c.latitude.between(meant.c.latitude - height, meant.c.latitude + height),
        func.least(apart, 2 * _HALF_TURN - apart) <= width,
    )


_STATEMENT = _statement()


def differences(legacy: Answer, candidate: Answer) -> list[str]:
    """Compare status, the airport, how many alternates there are, and the best of them in order with every field.

    Intended differences: none. The rules moved, they did not change.
    """
    if legacy.status != candidate.status:
        return ["status"]
    return differing(legacy.body, candidate.body)


def alter(answer: Answer) -> Answer:
    """The second best is said to be the best, or one more is said to be there; a refusal with another code."""
    if answer.status != HTTPStatus.OK:
        return replace(answer, body={**answer.body, "code": "unknown"})
    listed = cast("list[Mapping[str, object]]", answer.body["alternates"])
    if len(listed) > 1:
        return replace(answer, body={**answer.body, "alternates": [listed[1], listed[0], *listed[2:]]})
    return replace(answer, body={**answer.body, "considered": cast("int", answer.body["considered"]) + 1})


def build(engine: AsyncEngine, _: Directory) -> Component:
    """The component over one database."""

    async def candidate(params: Params) -> Answer:
        question = Question.read(params)
        values = {"code": question.code, "height_degrees": question.within_km / _KM_PER_DEGREE}
        async with engine.connect() as connection:
            rows = (await connection.execute(_STATEMENT, values)).all()
        if not rows:
            return unknown()
        count = len(_FIELDS)
        meant = Airport(*rows[0][:count])
        others = [Airport(*row[count:]) for row in rows if row[count] is not None]
        return rendered(meant, question.within_km, best(meant, others, question.within_km))

    return Component(
        name=NAME,
        legacy=AlternatesService(engine),
        candidate=candidate,
        differences=differences,
        alter=alter,
        probes=(({"code": "FRA"}, "EDDF"), ({"code": "KJFK", "within_km": "50"}, "KLGA")),
        path=PATH,
    )
