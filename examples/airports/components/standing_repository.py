"""Legacy of `repository-pattern-removal`: an interface, its implementation, a mapper and a unit of work."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, Self

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from examples.airports.components.standings import Question, Standing
from examples.airports.database import airports


@dataclass(frozen=True, slots=True)
class Field:
    """The domain's airport, which knows nothing of tables."""

    icao: str
    name: str
    country: str
    elevation_ft: int


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
    async def count(self, country: str) -> int:
        """How many there are in a country."""

    @abstractmethod
    async def count_higher(self, field: Field) -> int:
        """How many of its country are above this one."""

    @abstractmethod
    async def total_elevation(self, country: str) -> int:
        """The sum of all elevations of a country."""

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
        return await self._one(airports.c.icao == icao)

    async def get_by_iata(self, iata: str) -> Field | None:
        """Select by the IATA code, which is unique where there is one."""
        return await self._one(airports.c.iata == iata)

    async def count(self, country: str) -> int:
        """Count the rows of the country."""
        return await self._number(func.count(), airports.c.country == country)

    async def count_higher(self, field: Field) -> int:
        """Count the rows before this one."""
        return await self._number(func.count(), and_(airports.c.country == field.country, _beside(field, Side.HIGHER)))

    async def total_elevation(self, country: str) -> int:
        """Sum the elevations; 0 without rows."""
        return await self._number(func.sum(airports.c.elevation_ft), airports.c.country == country)

    async def next_to(self, field: Field, side: Side, limit: int) -> Sequence[Field]:
        """Select the nearest, mapped one by one."""
        elevation, icao = airports.c.elevation_ft, airports.c.icao
        order = (elevation, icao.desc()) if side is Side.HIGHER else (elevation.desc(), icao)
        beside = and_(airports.c.country == field.country, _beside(field, side))
        statement = select(*self._mapper.columns).where(beside).order_by(*order).limit(limit)
        return [self._mapper.field(row) for row in (await self._connection.execute(statement)).all()]

    async def _one(self, where: ColumnElement[bool]) -> Field | None:
        row = (await self._connection.execute(select(*self._mapper.columns).where(where))).one_or_none()
        return None if row is None else self._mapper.field(row)

    async def _number(self, what: ColumnElement[int], where: ColumnElement[bool]) -> int:
        return int(await self._connection.scalar(select(what).select_from(airports).where(where)) or 0)


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
    """Put together from seven calls to the repository."""
    fields = work.fields
    field = await fields.get_by_icao(question.code) or await fields.get_by_iata(question.code)
    if field is None:
        return None
    count = await fields.count(field.country)
    higher, lower = [await fields.next_to(field, side, question.neighbours) for side in Side]
    return Standing(
        icao=field.icao,
        name=field.name,
        country=field.country,
        elevation_ft=field.elevation_ft,
        higher_airports=await fields.count_higher(field),
        airports=count,
        mean_ft=await fields.total_elevation(field.country) / count,
        higher=[(one.icao, one.elevation_ft) for one in higher],
        lower=[(one.icao, one.elevation_ft) for one in lower],
    )


def _beside(field: Field, side: Side) -> ColumnElement[bool]:
    elevation, icao = airports.c.elevation_ft, airports.c.icao
    if side is Side.HIGHER:
        return or_(elevation > field.elevation_ft, and_(elevation == field.elevation_ft, icao < field.icao))
    return or_(elevation < field.elevation_ft, and_(elevation == field.elevation_ft, icao > field.icao))
