import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.faults.proxy import Proxy

ROOT = Path(__file__).parents[2]
PATIENCE = 20.0
MOMENT = 0.3  # how long a thing that must not come is waited for


class Echo:
    """A server that repeats what it hears and remembers it."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.port = 0
        self.news = asyncio.Event()

    async def until_heard(self, data: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            while data not in self.heard:
                await self.news.wait()
                self.news.clear()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                self.heard += data
                self.news.set()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            self.heard += b"<reset>"
        else:
            self.heard += b"<end>"
        self.news.set()
        writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    echo = Echo()
    server = await asyncio.start_server(echo.answer, "127.0.0.1", 0)
    echo.port = server.sockets[0].getsockname()[1]
    yield echo
    server.close()


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[Proxy]:
    async with Proxy("127.0.0.1", echo.port) as proxy:
        yield proxy


class Caller:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def hear(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read(1000)

    async def hears_nothing(self) -> bool:
        try:
            async with asyncio.timeout(MOMENT):
                await self.reader.read(1000)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def calling(port: int) -> AsyncIterator[Caller]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.transport.abort()


async def test_it_carries_bytes_and_the_end_both_ways(proxy: Proxy, echo: Echo) -> None:
    async with calling(proxy.port) as caller:
        caller.say(b"hello")
        assert await caller.hear() == b"hello"
        caller.writer.write_eof()
        assert await caller.hear() == b""
    assert echo.heard == b"hello<end>"


async def test_a_black_hole_lets_nothing_through_and_what_was_said_arrives_afterwards(proxy: Proxy, echo: Echo) -> None:
    async with calling(proxy.port) as caller:
        proxy.mode = "blackhole"
        caller.say(b"hello")
        assert await caller.hears_nothing()
        assert echo.heard == b""
        proxy.mode = "pass"
        assert await caller.hear() == b"hello"


async def test_a_black_hole_hides_the_end_of_a_link(proxy: Proxy, echo: Echo) -> None:
    async with calling(proxy.port) as caller:
        caller.say(b"hello")
        await caller.hear()
        proxy.mode = "blackhole"
    async with calling(proxy.port) as another:
        another.say(b"there?")
        assert await another.hears_nothing()
        assert echo.heard == b"hello"
        proxy.mode = "pass"
        assert await another.hear() == b"there?"
        await echo.until_heard(b"<")


async def test_a_reset_ends_every_link_and_each_new_one(proxy: Proxy) -> None:
    async with calling(proxy.port) as caller:
        caller.say(b"hello")
        await caller.hear()
        proxy.mode = "reset"
        with pytest.raises(ConnectionResetError):
            await caller.hear()
    with pytest.raises(ConnectionResetError):
        async with calling(proxy.port) as another:
            await another.hear()
    proxy.mode = "pass"
    async with calling(proxy.port) as third:
        third.say(b"again")
        assert await third.hear() == b"again"


async def test_dropped_replies_leave_the_request_done_and_the_link_useless(proxy: Proxy, echo: Echo) -> None:
    async with calling(proxy.port) as caller:
        proxy.mode = "drop_replies"
        caller.say(b"do it")
        await echo.until_heard(b"do it")
        assert await caller.hears_nothing()
        proxy.mode = "pass"
        with pytest.raises(ConnectionResetError):
            await caller.hear()


async def test_a_delay_delays(echo: Echo) -> None:
    loop = asyncio.get_running_loop()
    async with Proxy("127.0.0.1", echo.port, delay=0.2) as proxy, calling(proxy.port) as caller:
        proxy.mode = "delay"
        began = loop.time()
        caller.say(b"hello")
        assert await caller.hear() == b"hello"
        assert loop.time() - began >= 0.4


async def test_a_mode_that_is_none_is_refused(proxy: Proxy) -> None:
    with pytest.raises(ValueError, match="'off' is none of pass, blackhole"):
        proxy.mode = "off"  # type: ignore[assignment]  # the mistake


async def test_a_target_that_is_away_resets_its_callers(echo: Echo) -> None:
    async with Proxy("/nowhere/at/all") as proxy, calling(proxy.port) as caller:
        with pytest.raises(ConnectionResetError):
            await caller.hear()
    assert echo.heard == b""


async def test_a_database_on_a_socket_is_reached_through_it(postgres_url: str) -> None:
    async with Proxy.to_database(postgres_url) as proxy:
        connection = await asyncpg.connect(proxy.database_url)
        assert await connection.fetchval("select 1") == 1
        proxy.mode = "reset"
        with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
            await connection.fetchval("select 1")
        connection.terminate()


async def test_as_a_process_it_takes_modes_and_ends_with_its_input(echo: Echo) -> None:
    command = [sys.executable, "-m", "tests.faults.proxy", "127.0.0.1", str(echo.port)]
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        port = int(await process.stdout.readline())
        async with calling(port) as caller:
            caller.say(b"hello")
            assert await caller.hear() == b"hello"
            process.stdin.write(b"reset\n")
            assert await process.stdout.readline() == b"reset\n"
            with pytest.raises(ConnectionResetError):
                await caller.hear()
        process.stdin.close()
        assert await process.wait() == 0
