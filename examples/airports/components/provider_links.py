"""Connections to the provider of departure boards: a hand-made client (legacy), the provider's client (candidate)."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from typing import Any, Protocol, cast

import aiohttp
import socketio

from examples.airports.provider import EVENT, SOCKET_PATH

ANSWER_SECONDS = 20.0


class LinkLost(Exception):
    """The connection to the provider broke before it answered."""


class Link(Protocol):
    """An open connection; `sid` is the provider's name for it."""

    sid: str

    @property
    def is_lost(self) -> bool:
        """Whether it broke."""

    async def ask(self, question: Mapping[str, object]) -> Mapping[str, object]:
        """What the provider acknowledges; LinkLost when it cannot any more."""

    async def lost(self) -> None:
        """Return once it is lost."""

    async def close(self) -> None:
        """Close in good order."""


class HandMadeLink:
    """Legacy: the frames of Engine.IO 4 and Socket.IO 5, written and read by hand over a raw WebSocket.

    `0{..}` opens the transport, `40` asks for the namespace and `40{"sid":..}` grants it, `2` is answered with `3`,
    `42<n>[event, argument]` is an event and `43<n>[answer]` what acknowledges it, `41` and `1` say good-bye.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, sid: str) -> None:
        self.sid = sid
        self._socket = socket
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, session: aiohttp.ClientSession, url: str) -> "HandMadeLink":
        """Connect and shake hands twice."""
        socket = await session.ws_connect(f"{url}/{SOCKET_PATH}/", params={"EIO": "4", "transport": "websocket"})
        try:
            await _expect(socket, "0")
            await socket.send_str("40")
            granted = await _expect(socket, "40")
        except (LinkLost, TimeoutError):
            await socket.close()
            raise
        return cls(socket, json.loads(granted)["sid"])

    @property
    def is_lost(self) -> bool:
        """Whether nobody reads any more."""
        return self._reader.done()

    async def ask(self, question: Mapping[str, object]) -> Mapping[str, object]:
        """Send an event with a number and await the frame that has the same."""
        number = next(self._numbers)
        self._waiting[number] = answer = asyncio.get_running_loop().create_future()
        try:
            await self._send(f"42{number}{json.dumps([EVENT, question])}")
            async with asyncio.timeout(ANSWER_SECONDS):
                return cast("Mapping[str, object]", await answer)
        finally:
            del self._waiting[number]

    async def lost(self) -> None:
        """Await the end of the reader."""
        await asyncio.wait({self._reader})

    async def close(self) -> None:
        """Leave the namespace, close the transport."""
        with suppress(LinkLost):
            await self._send("41")
            await self._send("1")
        await self._socket.close()
        await self._reader

    async def _send(self, frame: str) -> None:
        if self.is_lost:
            raise LinkLost
        try:
            await self._socket.send_str(frame)
        except (aiohttp.ClientError, OSError) as error:
            raise LinkLost from error

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                await self._received(message.data)
        except (ValueError, TypeError, IndexError, aiohttp.ClientError, OSError):
            await self._socket.close()  # that was not the protocol, or there is nobody to answer to
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(LinkLost())

    async def _received(self, frame: object) -> None:
        if frame == "2":
            await self._socket.send_str("3")
        elif isinstance(frame, str) and frame.startswith("43"):
            self._acknowledged(frame[2:])

    def _acknowledged(self, frame: str) -> None:
        digits, bracket, rest = frame.partition("[")
        answer = self._waiting.get(int(digits)) if digits.isdecimal() else None
        if answer is not None and not answer.done():
            answer.set_result(json.loads(bracket + rest)[0])


class SdkLink:
    """Candidate: the provider's client does all of that."""

    def __init__(self, client: socketio.AsyncClient) -> None:
        self._client = client
        self._lost = asyncio.get_running_loop().create_future()
        self.sid = str(client.get_sid())
        client.on("disconnect", self._disconnected)

    @classmethod
    async def open(cls, session: aiohttp.ClientSession, url: str) -> "SdkLink":
        """Connect."""
        client = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=session)
        try:
            await client.connect(url, socketio_path=SOCKET_PATH, transports=["websocket"], wait_timeout=ANSWER_SECONDS)
        except socketio.exceptions.ConnectionError as error:
            raise LinkLost from error
        return cls(client)

    @property
    def is_lost(self) -> bool:
        """Whether the client was told so."""
        return self._lost.done()

    async def ask(self, question: Mapping[str, object]) -> Mapping[str, object]:
        """Emit the event and await what acknowledges it, or the end of the connection."""
        call = asyncio.ensure_future(self._client.call(EVENT, question, timeout=ANSWER_SECONDS))
        await asyncio.wait({call, self._lost}, return_when=asyncio.FIRST_COMPLETED)
        if not call.done():
            call.cancel()
            raise LinkLost
        try:
            return cast("Mapping[str, object]", call.result())
        except socketio.exceptions.SocketIOError as error:
            raise LinkLost from error

    async def lost(self) -> None:
        """Await what the client is told."""
        await asyncio.wait({self._lost})

    async def close(self) -> None:
        """Say good-bye."""
        await self._client.disconnect()

    async def _disconnected(self, *_: object) -> None:
        if not self._lost.done():
            self._lost.set_result(None)


async def _expect(socket: aiohttp.ClientWebSocketResponse, beginning: str) -> str:
    message = await socket.receive(ANSWER_SECONDS)
    if message.type is not aiohttp.WSMsgType.TEXT or not message.data.startswith(beginning):
        raise LinkLost
    return str(message.data[len(beginning) :])
