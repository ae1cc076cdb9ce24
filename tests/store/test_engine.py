import asyncio
from typing import Any

from sqlalchemy import text

from store.engine import create_engine


async def test_a_connection_that_the_server_has_ended_is_replaced(database_url: str) -> None:
    engine, other = create_engine(database_url, pool_size=1), create_engine(database_url)
    try:
        async with engine.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
        async with other.connect() as connection:
            await connection.execute(text("select pg_terminate_backend(:pid)"), {"pid": raw.get_server_pid()})
        async with asyncio.timeout(10):
            while not raw.is_closed():  # noqa: ASYNC110 - the server says so in its own time
                await asyncio.sleep(0.01)
        async with engine.connect() as connection:
            assert (await connection.execute(text("select 1"))).scalar_one() == 1
    finally:
        await engine.dispose()
        await other.dispose()


async def test_the_connection_used_last_is_used_next(database_url: str) -> None:
    engine = create_engine(database_url, pool_size=2)
    pids = []
    try:
        async with engine.connect(), engine.connect():
            pass
        for _ in range(3):
            async with engine.connect() as connection:
                pids.append((await connection.execute(text("select pg_backend_pid()"))).scalar_one())
        assert len(set(pids)) == 1
    finally:
        await engine.dispose()
