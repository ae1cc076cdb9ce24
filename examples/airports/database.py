"""The application's own schema: one table, filled once from the package `airportsdata`."""

from importlib.metadata import version
from math import floor

import airportsdata
from sqlalchemy import (
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    make_url,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateSchema

from examples.airports.directory import Airport, Directory
from examples.airports.text import fold

SCHEMA = "airports"
_LOAD_LOCK = 0x41697270  # "Airp": two starting applications must not both load

metadata = MetaData(schema=SCHEMA)

airports = Table(
    "airports",
    metadata,
    Column("icao", Text, primary_key=True),
    Column("iata", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("subdivision", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("elevation_ft", Integer, nullable=False),
    Column("latitude", Double, nullable=False),
    Column("longitude", Double, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("city_key", Text, nullable=False),
    Column("cell", Integer, nullable=False),
    Index("ix_airports_country_icao", "country", "icao"),
    Index("ix_airports_name_key", "name_key", postgresql_ops={"name_key": "text_pattern_ops"}),
    Index("ix_airports_city_key", "city_key"),
    Index("ix_airports_cell", "cell"),
    Index("ix_airports_latitude_longitude", "latitude", "longitude"),
)
dataset = Table("dataset", metadata, Column("version", Text, primary_key=True))

PUBLIC = tuple(airports.c[field] for field in Airport.__dataclass_fields__)


def create_engine(database_url: str) -> AsyncEngine:
    """An engine for reading: each statement is its own transaction."""
    url = make_url(database_url).set(drivername="postgresql+asyncpg")
    settings = {"statement_timeout": "5000", "application_name": "airports"}
    return create_async_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=8,
        max_overflow=8,
        pool_pre_ping=False,
        connect_args={"server_settings": settings},
    )


def cell(latitude: float, longitude: float) -> int:
    """The square of one degree that a place lies in, as one number."""
    return (floor(latitude) + 90) * 360 + (floor(longitude) + 180) % 360


async def open_directory(engine: AsyncEngine) -> Directory:
    """Load the schema when it is empty or older than the package, then read all airports."""
    async with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        await connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOAD_LOCK})
        await connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
        await connection.run_sync(metadata.create_all)
        if await connection.scalar(select(dataset.c.version)) != version("airportsdata"):
            await _load(connection)
        rows = (await connection.execute(select(*PUBLIC))).all()
    return Directory(Airport(*row) for row in rows)


async def _load(connection: AsyncConnection) -> None:
    for table in (airports, dataset):
        await connection.execute(table.delete())
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert driver is not None
    await driver.copy_records_to_table(
        airports.name,
        schema_name=SCHEMA,
        columns=[column.name for column in airports.columns],
        records=[_record(row) for row in airportsdata.load().values()],
    )
    await connection.execute(dataset.insert().values(version=version("airportsdata")))
    await connection.execute(text(f"analyze {SCHEMA}.{airports.name}"))


def _record(row: airportsdata.Airport) -> tuple[object, ...]:
    return (
        row["icao"],
        row["iata"],
        row["name"],
        row["city"],
        row["subd"],
        row["country"],
        round(row["elevation"]),
        row["lat"],
        row["lon"],
        row["tz"],
        fold(row["name"]),
        fold(row["city"]),
        cell(row["lat"], row["lon"]),
    )
