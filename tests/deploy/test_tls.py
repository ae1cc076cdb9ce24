"""How an address asks for TLS: in the words of libpq or of SQLAlchemy, in the pool and in the listener."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from store.engine import create_engine, database_url, subscription

TLS_WANTED = 80877103  # the code of an SSLRequest, which a client sends before anything else
NO_TLS = b"N"


@asynccontextmanager
async def plaintext_server() -> AsyncIterator[tuple[int, list[int]]]:
    """A Postgres that has no TLS; its port, and how each client began: with an SSLRequest or a protocol version."""
    begun: list[int] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, code = struct.unpack("!II", await reader.readexactly(8))
        begun.append(code)
        writer.write(NO_TLS)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], begun


async def connect_from_the_pool(url: str) -> None:
    engine = create_engine(url)
    try:
        async with engine.connect():
            pass
    finally:
        await engine.dispose()


async def connect_to_listen(url: str) -> None:
    async with subscription(url, "crossfade_flags"):
        pass


Connect = Callable[[str], Awaitable[None]]
WAYS: tuple[Connect, ...] = (connect_from_the_pool, connect_to_listen)


@pytest.mark.parametrize("connect", WAYS)
@pytest.mark.parametrize("spelling", ["sslmode=require", "ssl=require"])
@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
async def test_a_server_without_tls_is_refused_where_the_address_requires_it(
    connect: Connect, spelling: str, scheme: str
) -> None:
    async with plaintext_server() as (port, begun):
        url = database_url({"DATABASE_URL": f"{scheme}://somebody:secret@127.0.0.1:{port}/app?{spelling}"})
        with pytest.raises(ConnectionError, match="rejected SSL upgrade"):
            await connect(url)
    assert begun == [TLS_WANTED]


@pytest.mark.parametrize("connect", WAYS)
async def test_an_address_may_do_without_tls(connect: Connect) -> None:
    async with plaintext_server() as (port, begun):
        with pytest.raises((asyncpg.PostgresError, DBAPIError)):
            await connect(f"postgresql://somebody:secret@127.0.0.1:{port}/app?sslmode=disable")
    assert TLS_WANTED not in begun


async def test_the_other_options_of_an_address_reach_the_server(postgres_url: str) -> None:
    engine = create_engine(f"{postgres_url}&sslmode=disable&search_path=elsewhere")
    async with engine.connect() as connection:
        shown = (await connection.exec_driver_sql("show search_path")).scalar_one()
        named = (await connection.exec_driver_sql("show application_name")).scalar_one()
    await engine.dispose()
    assert (shown, named) == ("elsewhere", "crossfade")
