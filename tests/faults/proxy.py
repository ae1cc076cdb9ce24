"""A TCP proxy whose links break on demand.

In a test: `async with Proxy("127.0.0.1", 7233) as proxy: proxy.mode = "blackhole"`. In front of a database, also one
that listens on a unix socket only: `async with Proxy.to_database(url) as proxy: ... proxy.database_url`. As a process:
`python -m tests.faults.proxy HOST PORT` prints its port, takes a mode a line and ends with its standard input.
"""

import argparse
import asyncio
import contextlib
import os
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Literal, Self, get_args
from urllib.parse import parse_qs, urlsplit

Mode = Literal["pass", "blackhole", "reset", "delay", "drop_replies"]
MODES: tuple[Mode, ...] = get_args(Mode)
DELAY = 0.2
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST
_CHUNK = 65536

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """Listens on loopback and carries bytes to the target as its mode says.

    - pass: as if it were not there;
    - blackhole: links stay open and nothing comes through, neither bytes nor an end; what was sent meanwhile arrives
      when the mode changes, as TCP's repetitions would;
    - reset: every link is reset, and each new one at once;
    - delay: everything arrives `delay` seconds later;
    - drop_replies: the target gets everything and answers nobody. A link that has lost a reply is reset when the mode
      changes: its stream has a hole.
    """

    def __init__(self, host: str, port: int = 0, *, delay: float = DELAY) -> None:
        self.delay = delay
        self.port = 0
        self._host, self._port = host, port
        self._mode: Mode = "pass"
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._links: set[Link] = set()
        self._url = ""

    @classmethod
    def to_database(cls, url: str, *, delay: float = DELAY) -> Self:
        """A proxy in front of the Postgres of a `postgresql://` URL."""
        parts = urlsplit(url)
        (host,) = parse_qs(parts.query).get("host") or [parts.hostname or "127.0.0.1"]
        port = parts.port or 5432
        proxy = cls(f"{host}/.s.PGSQL.{port}" if host.startswith("/") else host, port, delay=delay)
        proxy._url = url
        return proxy

    @property
    def database_url(self) -> str:
        """The URL of the database, through the proxy."""
        parts = urlsplit(self._url)
        user = f"{parts.username}:{parts.password}@" if parts.password else f"{parts.username or 'app'}@"
        return f"postgresql://{user}127.0.0.1:{self.port}{parts.path}"

    @property
    def address(self) -> str:
        """Where it listens, as `host:port`."""
        return f"127.0.0.1:{self.port}"

    @property
    def mode(self) -> Mode:
        """What it does now; set it from the thread of its event loop."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        if mode not in MODES:
            raise ValueError(f"{mode!r} is none of {', '.join(MODES)}")
        self._mode = mode
        for link in list(self._links):
            if mode == "reset" or link.has_hole:
                link.reset()
        self._changed.set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        tasks = [link.task for link in self._links]
        for link in list(self._links):
            link.reset()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        link = Link(task, writer)
        self._links.add(link)
        try:
            await self._carry(link, reader, writer)
        except (OSError, asyncio.CancelledError):
            link.reset()
        finally:
            self._links.discard(link)

    async def _carry(self, link: "Link", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._let_through(link)
        if link.is_reset or self._mode == "reset":
            link.reset()
            return
        their_reader, their_writer = await self._connect()
        link.writers.append(their_writer)
        there = self._pump(link, reader, their_writer, is_reply=False)
        back = self._pump(link, their_reader, writer, is_reply=True)
        pumps = [asyncio.ensure_future(pump) for pump in (there, back)]
        try:
            await asyncio.gather(*pumps)
        finally:
            for pump in pumps:
                pump.cancel()
            for end in link.writers:
                end.close()

    async def _connect(self) -> Streams:
        if self._host.startswith("/"):
            return await asyncio.open_unix_connection(self._host)
        return await asyncio.open_connection(self._host, self._port)

    async def _pump(
        self, link: "Link", reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_reply: bool
    ) -> None:
        """Carry one direction until its end; an end, too, comes through only when bytes would."""
        while True:
            broken: OSError | None = None
            try:
                data = await reader.read(_CHUNK)
            except OSError as error:
                data, broken = b"", error
            if is_reply and self._mode == "drop_replies":
                link.has_hole = True
            await self._let_through(link)
            if self._mode == "delay":
                await asyncio.sleep(self.delay)
            if broken is not None:
                raise broken
            if is_reply and link.has_hole:
                if data:
                    continue
                await self._other_mode("drop_replies")
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    async def _let_through(self, link: "Link") -> None:
        """Wait as long as nothing comes through."""
        while self._mode == "blackhole" and not link.is_reset:
            await self._changed.wait()

    async def _other_mode(self, mode: Mode) -> None:
        while self._mode == mode:
            await self._changed.wait()


class Link:
    """One client's connection and, behind it, the one to the target."""

    def __init__(self, task: "asyncio.Task[object]", writer: asyncio.StreamWriter) -> None:
        self.task = task
        self.writers = [writer]
        self.has_hole = False
        self.is_reset = False

    def reset(self) -> None:
        """Send RST to both ends."""
        self.is_reset = True
        for writer in self.writers:
            end: socket.socket = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            writer.transport.abort()
        if self.task is not asyncio.current_task():
            self.task.cancel()


async def _lines() -> Callable[[], Awaitable[bytes]]:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    return reader.readline


async def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.proxy", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("host", help="an address, or the path of a unix socket")
    parser.add_argument("port", nargs="?", type=int, default=0)
    parser.add_argument("--delay", type=float, default=DELAY, help="seconds, for the mode `delay`")
    chosen = parser.parse_args()
    next_line = await _lines()
    async with Proxy(chosen.host, chosen.port, delay=chosen.delay) as proxy:
        os.write(1, f"{proxy.port}\n".encode())
        while line := await next_line():
            mode = line.decode().strip()
            proxy.mode = mode  # type: ignore[assignment]  # the setter refuses what is none
            os.write(1, f"{proxy.mode}\n".encode())


if __name__ == "__main__":
    asyncio.run(_main())
