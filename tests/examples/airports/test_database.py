import asyncio

import airportsdata
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.database import cell, create_engine, open_directory
from examples.airports.directory import Directory


async def _scalar(engine: AsyncEngine, statement: str) -> object:
    async with engine.connect() as connection:
        return await connection.scalar(text(statement))


async def test_every_airport_of_the_package_is_in_the_table_once(
    airports_engine: AsyncEngine, directory: Directory
) -> None:
    rows = await _scalar(airports_engine, "select count(*) from airports.airports")
    assert rows == len(airportsdata.load()) == len(directory.airports)


async def test_a_second_start_loads_nothing(airports_engine: AsyncEngine) -> None:
    system_column = "select xmin::text from airports.airports where icao = 'EDDF'"
    before = await _scalar(airports_engine, system_column)
    await open_directory(airports_engine)
    assert await _scalar(airports_engine, system_column) == before


async def test_two_starts_at_once_load_once(database_url: str) -> None:
    engines = [create_engine(database_url), create_engine(database_url)]
    first, second = await asyncio.gather(*(open_directory(engine) for engine in engines))
    assert list(first.airports) == list(second.airports)
    assert await _scalar(engines[0], "select count(*) from airports.dataset") == 1
    for engine in engines:
        await engine.dispose()


def test_a_cell_is_a_square_of_one_degree() -> None:
    assert cell(50.1, 8.9) == cell(50.9, 8.1)
    assert cell(50.1, 8.9) != cell(50.1, 9.1)
    assert cell(0.5, 180.0) == cell(0.5, -180.0)


async def test_a_table_of_other_columns_is_made_anew(database_url: str) -> None:
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        for statement in (
            "create schema airports",
            "create table airports.airports (icao text primary key)",
            "create table airports.dataset (version text primary key)",
            "insert into airports.dataset values ('20250101')",
        ):
            await connection.execute(text(statement))
    opened = await open_directory(engine)
    assert await _scalar(engine, "select count(cell) from airports.airports") == len(opened.airports)
    with_traffic = [airport for airport in opened.airports if airport.iata]
    assert await _scalar(engine, "select count(document) from airports.texts") == len(with_traffic)
    await engine.dispose()
