import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


async def test_the_server_listens_on_a_private_unix_socket_only(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        assert await connection.fetchval("show listen_addresses") == ""
        assert await connection.fetchval("show data_checksums") == "on"
    finally:
        await connection.close()


async def test_an_engine_has_a_database_of_its_own(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        assert (await connection.scalar(text("select current_database()"))).startswith("test_")


async def test_a_connection_is_rolled_back(connection: AsyncConnection) -> None:
    assert (await connection.scalar(text("select current_database()"))).startswith("shared_")
