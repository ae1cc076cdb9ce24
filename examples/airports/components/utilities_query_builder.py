"""The filtered listing: SQL put together from strings (legacy), SQLAlchemy Core (candidate).

Both read the same filters (country, lowest and highest elevation, the beginning of the name), both answer with at most
50 airports in the order of their ICAO codes and say whether there are more, and each keeps the pages that it has made
in a cache with a budget: that share is the `memoryUsage` it declares.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from sqlalchemy import Select, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.answers import Answer, Malformed, Params
from examples.airports.component import Component, differing
from examples.airports.components.page_cache import BUDGET_BYTES, PageCache
from examples.airports.database import airports
from examples.airports.directory import Directory
from examples.airports.memory import Memory
from examples.airports.text import fold, is_clean

NAME = "utilities-query-builder"
DEFAULT_PAGE = 20
LARGEST_PAGE = 50
LONGEST_PREFIX = 60
ELEVATIONS = range(-2_000, 30_001)
_INTEGER = re.compile(r"-?\d{1,6}", re.ASCII)
_COLUMNS = ("icao", "iata", "name", "city", "country", "elevation_ft")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a listing is narrowed by; None and "" do not narrow."""

    country: str = ""
    lowest_ft: int | None = None
    highest_ft: int | None = None
    prefix: str = ""
    limit: int = DEFAULT_PAGE

    @classmethod
    def read(cls, params: Params) -> Self:
        """Filters from a query; Malformed names the parameter that is not understood."""
        filters = cls(
            country=_text(params, "country", longest=2).upper(),
            lowest_ft=_integer(params, "min_elevation", within=ELEVATIONS),
            highest_ft=_integer(params, "max_elevation", within=ELEVATIONS),
            prefix=fold(_text(params, "prefix", longest=LONGEST_PREFIX)),
            limit=_integer(params, "limit", within=range(1, LARGEST_PAGE + 1)) or DEFAULT_PAGE,
        )
        if filters.lowest_ft is not None and filters.highest_ft is not None and filters.lowest_ft > filters.highest_ft:
            raise Malformed("empty-range", "min_elevation", "min_elevation is above max_elevation")
        return filters


def legacy_statement(filters: Filters) -> str:
    """The listing as one string; every value that came from outside is escaped by hand."""
    sql = "SELECT " + ", ".join(_COLUMNS) + " FROM airports.airports WHERE 1=1"  # noqa: S608 - what legacy is
    if filters.country:
        sql += " AND country = " + _quoted(filters.country)
    if filters.lowest_ft is not None:
        sql += " AND elevation_ft >= " + str(int(filters.lowest_ft))
    if filters.highest_ft is not None:
        sql += " AND elevation_ft <= " + str(int(filters.highest_ft))
    if filters.prefix:
        sql += " AND name_key LIKE " + _quoted(_like(filters.prefix) + "%")
    return sql + " ORDER BY icao LIMIT " + str(int(filters.limit) + 1)


def candidate_statement(filters: Filters) -> Select[tuple[str, str, str, str, str, int]]:
    """The listing as an expression; values travel as parameters."""
    table = airports.c
    statement = select(table.icao, table.iata, table.name, table.city, table.country, table.elevation_ft)
    if filters.country:
        statement = statement.where(table.country == filters.country)
    if filters.lowest_ft is not None:
        statement = statement.where(table.elevation_ft >= filters.lowest_ft)
    if filters.highest_ft is not None:
        statement = statement.where(table.elevation_ft <= filters.highest_ft)
    if filters.prefix:
        statement = statement.where(table.name_key.startswith(filters.prefix, autoescape=True))
    return statement.order_by(table.icao).limit(filters.limit + 1)


def differences(legacy: Answer, candidate: Answer) -> list[str]:
    """Compare status, the airports in their order with every field, and whether there are more.

    Intended differences: none. A listing built in another way is the same listing.
    """
    if legacy.status != candidate.status:
        return ["status"]
    return differing(legacy.body, candidate.body)


def alter(answer: Answer, directory: Directory) -> Answer:
    """The listing with its first airport replaced by its neighbour, or without `more`; a refusal with another code."""
    listed = answer.body.get("airports")
    if not isinstance(listed, list):
        return replace(answer, body={**answer.body, "code": "unknown"})
    if not listed:
        return replace(answer, body={**answer.body, "more": not answer.body["more"]})
    other = directory.after(listed[0]["icao"])
    return replace(answer, body={**answer.body, "airports": [_listed(other), *listed[1:]]})


def build(engine: AsyncEngine, directory: Directory) -> Component:
    """The component over one database."""
    pages = {"legacy": PageCache(), "candidate": PageCache()}

    async def legacy(params: Params) -> Answer:
        statement = legacy_statement(filters := Filters.read(params))

        async def fetch() -> Sequence[Row[*tuple[Any, ...]]]:
            async with engine.connect() as connection:
                return (await connection.exec_driver_sql(statement)).all()

        return await _page(pages["legacy"], statement, filters.limit, fetch)

    async def candidate(params: Params) -> Answer:
        filters = Filters.read(params)

        async def fetch() -> Sequence[Row[*tuple[Any, ...]]]:
            async with engine.connect() as connection:
                return (await connection.execute(candidate_statement(filters))).all()

        return await _page(pages["candidate"], filters, filters.limit, fetch)

    return Component(
        name=NAME,
        legacy=legacy,
        candidate=candidate,
        differences=differences,
        alter=lambda answer: alter(answer, directory),
        probes=(
            ({"country": "DE", "prefix": "Frankfurt am"}, "EDDF"),
            ({"country": "us", "prefix": "Chicago O'Hare"}, "KORD"),
        ),
        path="/airports",
        memory={variant: Memory(BUDGET_BYTES, cache.kept_bytes) for variant, cache in pages.items()},
    )


async def _page(
    cache: PageCache, key: object, limit: int, fetch: Callable[[], Awaitable[Sequence[Row[*tuple[Any, ...]]]]]
) -> Answer:
    if (known := cache.get(key)) is not None:
        return Answer(known)
    rows = await fetch()
    body = {"airports": [dict(zip(_COLUMNS, row, strict=True)) for row in rows[:limit]], "more": len(rows) > limit}
    cache.put(key, body)
    return Answer(body)


def _listed(airport: object) -> dict[str, object]:
    return {column: getattr(airport, column) for column in _COLUMNS}


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _like(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _text(params: Params, name: str, *, longest: int) -> str:
    value = params.get(name, "").strip()
    if not is_clean(value, longest=longest):
        raise Malformed("malformed-parameter", name, f"{name} is plain text of at most {longest} characters")
    return value


def _integer(params: Params, name: str, *, within: range) -> int | None:
    value = params.get(name, "").strip()
    if not value:
        return None
    if not _INTEGER.fullmatch(value) or int(value) not in within:
        raise Malformed("malformed-parameter", name, f"{name} is a whole number from {within[0]} to {within[-1]}")
    return int(value)
