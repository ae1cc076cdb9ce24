"""The application's own schema: one table, filled once from the package `airportsdata`."""

from contextlib import AsyncExitStack
from dataclasses import astuple
from importlib.metadata import version
from math import floor

import airportsdata
from sqlalchemy import (
    Column,
    Computed,
    Double,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateSchema

from examples.airports.directory import Airport, Directory
from examples.airports.text import fold, words

SCHEMA = "airports"
_CONNECTIONS = 16
_COLUMNS_VERSION = 4
_POOL_SECONDS = 10.0  # twice this, for candidate and then legacy, is before the traffic stops waiting for an answer
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
    Index("ix_airports_iata", "iata"),
    Index("ix_airports_country_icao", "country", "icao"),
    Index("ix_airports_country_elevation_icao", "country", "elevation_ft", "icao"),
    Index("ix_airports_name_key", "name_key", postgresql_ops={"name_key": "text_pattern_ops"}),
    Index("ix_airports_city_key", "city_key"),
    Index("ix_airports_cell", "cell"),
    Index("ix_airports_latitude_longitude", "latitude", "longitude"),
)
texts = Table(
    "texts",
    metadata,
    Column("icao", Text, primary_key=True),
    Column("iata", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("importance", SmallInteger, nullable=False),
    Column("words", Text, nullable=False),
    # From an array, not by a parser: what is a letter to a parser depends on the locale of the database.
    Column("document", TSVECTOR, Computed("array_to_tsvector(string_to_array(words, ' '))", persisted=True)),
    comment="The airports with airline traffic, as the search for words sees them.",
)
documents = Index("ix_texts_document", texts.c.document, postgresql_using="gin")
dataset = Table("dataset", metadata, Column("version", Text, primary_key=True))

PUBLIC = tuple(airports.c[field] for field in Airport.__dataclass_fields__)


def create_engine(database_url: str) -> AsyncEngine:
    """An engine for reading: each statement is its own transaction.

    No connection beyond the pool: under load one that is opened for a single statement costs more than waiting.
    """
    url = make_url(database_url).set(drivername="postgresql+asyncpg")
    settings = {"statement_timeout": "5000", "application_name": "airports"}
    return create_async_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        pool_pre_ping=False,
        connect_args={"server_settings": settings},
    )


async def warm(engine: AsyncEngine) -> None:
    """Open all connections, so that the first questions do not wait for them."""
    async with AsyncExitStack() as opened:
        for _ in range(_CONNECTIONS):
            await opened.enter_async_context(engine.connect())


def cell(latitude: float, longitude: float) -> int:
    """The square of one degree that a place lies in, as one number."""
    return (floor(latitude) + 90) * 360 + (floor(longitude) + 180) % 360


async def open_directory(engine: AsyncEngine) -> Directory:
    """Load the schema when it is empty, older than the package or of other columns, then read all airports."""
    async with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        await connection.execute(text("set local statement_timeout = '60s'"))
        await connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOAD_LOCK})
        await connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
        await connection.run_sync(dataset.create, checkfirst=True)
        if await connection.scalar(select(dataset.c.version)) != _version():
            await _load(connection)
        rows = (await connection.execute(select(*PUBLIC))).all()
    return Directory(Airport(*row) for row in rows)


async def _load(connection: AsyncConnection) -> None:
    await connection.run_sync(metadata.drop_all)
    await connection.run_sync(metadata.create_all)
    # Built at the end: what is inserted into an index of this kind lies in a list first, and is read row by row.
    await connection.run_sync(documents.drop)
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert driver is not None
    every = [_airport(row) for row in airportsdata.load().values()]
    with_traffic = [airport for airport in every if airport.iata]
    for table, records in ((airports, map(_record, every)), (texts, map(_text, with_traffic))):
        columns = [column.name for column in table.columns if column.computed is None]
        await driver.copy_records_to_table(table.name, schema_name=SCHEMA, columns=columns, records=records)
    await connection.run_sync(documents.create)
    await connection.execute(dataset.insert().values(version=_version()))
    await connection.execute(text(f"analyze {SCHEMA}.{airports.name}, {SCHEMA}.{texts.name}"))


def _version() -> str:
    """The version of the package and of our columns."""
    return f"{version('airportsdata')}+{_COLUMNS_VERSION}"


def _airport(row: airportsdata.Airport) -> Airport:
    return Airport(
        icao=row["icao"],
        iata=row["iata"],
        name=row["name"],
        city=row["city"],
        subdivision=row["subd"],
        country=row["country"],
        elevation_ft=round(row["elevation"]),
        latitude=row["lat"],
        longitude=row["lon"],
        time_zone=row["tz"],
    )


def _record(airport: Airport) -> tuple[object, ...]:
    place = cell(airport.latitude, airport.longitude)
    return (*astuple(airport), fold(airport.name), fold(airport.city), place)


def _text(airport: Airport) -> tuple[object, ...]:
    shown = (airport.icao, airport.iata, airport.name, airport.city, airport.country)
    return (*shown, airport.importance, words(fold(f"{airport.name} {airport.city}")))
