"""Legacy of `repository-pattern-removal`: an interface, its implementation, a mapper and a unit of work."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, Self

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, func, or_, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from examples.airports.components.standings import Question, Standing
from examples.airports.database import airports

_ICAO_LETTERS = 4


@dataclass(frozen=True, slots=True)
class Field:
    """The domain's airport, which knows nothing of tables."""

    icao: str
    name: str
    country: str
    elevation_ft: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a country's fields are together."""

    count: int
    total_ft: int


class Side(Enum):
    """Which neighbours."""

    HIGHER = "higher"
    LOWER = "lower"


class FieldMapper:
    """Rows to fields."""

    columns = (airports.c.icao, airports.c.name, airports.c.country, airports.c.elevation_ft)

    def field(self, row: Row[*tuple[Any, ...]]) -> Field:
        """One field of a row."""
        return Field(icao=row.icao, name=row.name, country=row.country, elevation_ft=row.elevation_ft)


class FieldRepository(ABC):
    """What the domain may ask; nobody has ever written a second implementation."""

    @abstractmethod
    async def get_by_icao(self, icao: str) -> Field | None:
        """The field with this ICAO code."""

    @abstractmethod
    async def get_by_iata(self, iata: str) -> Field | None:
        """The field with this IATA code."""

    @abstractmethod
    async def count_higher(self, field: Field) -> int:
        """How many of its country are above this one."""

    @abstractmethod
    async def summary(self, country: str) -> Summary:
        """How many there are in a country, and how high together."""

    @abstractmethod
    async def next_to(self, field: Field, side: Side, limit: int) -> Sequence[Field]:
        """The nearest in height, the nearest first."""


class SqlFieldRepository(FieldRepository):
    """The implementation over a connection."""

    def __init__(self, connection: AsyncConnection, mapper: FieldMapper) -> None:
        self._connection = connection
        self._mapper = mapper

    async def get_by_icao(self, icao: str) -> Field | None:
        """Select by the primary key."""
        return await self._one(_BY_ICAO, icao)

    async def get_by_iata(self, iata: str) -> Field | None:
        """Select by the IATA code, which is unique where there is one."""
        return await self._one(_BY_IATA, iata)

    async def count_higher(self, field: Field) -> int:
        """Count the rows before this one."""
        beside = {"country": field.country, "elevation_ft": field.elevation_ft, "icao": field.icao}
        return int(await self._connection.scalar(_COUNT[Side.HIGHER], beside) or 0)

    async def summary(self, country: str) -> Summary:
        """Count and sum up."""
        count, total_ft = (await self._connection.execute(_SUMMARY, {"country": country})).one()
        return Summary(count, total_ft)

    async def next_to(self, field: Field, side: Side, limit: int) -> Sequence[Field]:
        """Select the nearest, mapped one by one."""
        beside = {"country": field.country, "elevation_ft": field.elevation_ft, "icao": field.icao, "limit": limit}
        return [self._mapper.field(row) for row in (await self._connection.execute(_NEXT[side], beside)).all()]

    async def _one(self, statement: Select[Any], code: str) -> Field | None:
        row = (await self._connection.execute(statement, {"code": code})).one_or_none()
        return None if row is None else self._mapper.field(row)


def _beside(side: Side) -> ColumnElement[bool]:
    table = airports.c
    elevation: BindParameter[int] = bindparam("elevation_ft")
    icao: BindParameter[str] = bindparam("icao")
    same_country, same = table.country == bindparam("country"), table.elevation_ft == elevation
    if side is Side.HIGHER:
        return and_(same_country, or_(table.elevation_ft > elevation, and_(same, table.icao < icao)))
    return and_(same_country, or_(table.elevation_ft < elevation, and_(same, table.icao > icao)))


def _next(side: Side) -> Select[Any]:
    elevation, icao = airports.c.elevation_ft, airports.c.icao
    order = (elevation.asc(), icao.desc()) if side is Side.HIGHER else (elevation.desc(), icao.asc())
    return select(*FieldMapper.columns).where(_beside(side)).order_by(*order).limit(bindparam("limit"))


_BY_ICAO = select(*FieldMapper.columns).where(airports.c.icao == bindparam("code"))
_BY_IATA = select(*FieldMapper.columns).where(airports.c.iata == bindparam("code"))
_SUMMARY = select(func.count(), func.sum(airports.c.elevation_ft)).where(airports.c.country == bindparam("country"))
_COUNT = {side: select(func.count()).select_from(airports).where(_beside(side)) for side in Side}
_NEXT = {side: _next(side) for side in Side}


class UnitOfWork:
    """One transaction with its repositories; it is only ever read in."""

    fields: FieldRepository

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ")

    async def __aenter__(self) -> Self:
        self._connection = await self._engine.connect()
        self.fields = SqlFieldRepository(self._connection, FieldMapper())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._connection.close()


async def standing(work: UnitOfWork, question: Question) -> Standing | None:
    """Put together from five calls to the repository."""
    fields = work.fields
    is_icao = len(question.code) == _ICAO_LETTERS
    field = await (fields.get_by_icao if is_icao else fields.get_by_iata)(question.code)
    if field is None:
        return None
    summary = await fields.summary(field.country)
    higher, lower = [await fields.next_to(field, side, question.neighbours) for side in Side]
    return Standing(
        icao=field.icao,
        name=field.name,
        country=field.country,
        elevation_ft=field.elevation_ft,
        higher_airports=await fields.count_higher(field),
        airports=summary.count,
        mean_ft=summary.total_ft / summary.count,
        higher=[(one.icao, one.elevation_ft) for one in higher],
        lower=[(one.icao, one.elevation_ft) for one in lower],
    )
