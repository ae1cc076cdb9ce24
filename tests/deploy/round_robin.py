"""One port in front of several, as the proxy of a deployment: each connection goes to the next one that takes it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

BLOCK = 65536


class RoundRobin:
    """Enter it to listen; `taken` counts the connections of each port behind it."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._behind = list(ports)
        self._connections: set[asyncio.Task[None]] = set()
        self.taken: Counter[int] = Counter()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            behind = await self._next()
            if behind is not None:
                await asyncio.gather(_pump(reader, behind[1]), _pump(behind[0], writer))
        except asyncio.CancelledError:
            pass  # the end of the proxy; asyncio would call it an error
        finally:
            self._connections.discard(task)
            writer.close()

    async def _next(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in self._behind:
            port = self._behind.pop(0)
            self._behind.append(port)
            with suppress(OSError):
                connection = await asyncio.open_connection("127.0.0.1", port)
                self.taken[port] += 1
                return connection
        return None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while block := await reader.read(BLOCK):
                writer.write(block)
                await writer.drain()
    finally:
        writer.close()
