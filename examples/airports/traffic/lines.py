"""A live connection from the user's end, over either transport."""

import asyncio
import json
from collections.abc import Mapping
from typing import Protocol

import aiohttp
import socketio

from examples.airports.traffic.target import ANSWER_SECONDS, Target

SOCKETIO = "websocket-socketio"
LARGEST_ANSWER = 1 << 20


class Moved(Exception):
    """The user's connection should be of the other transport now."""


class Broken(Moved):
    """The connection ended instead of an answer."""


class Line(Protocol):
    """An open connection."""

    async def look_up(self, message: str) -> Mapping[str, object]:
        """The answer to a message; Moved when it has to be asked over the other transport."""

    async def close(self) -> None:
        """Close in good order."""


class RawLine:
    """A WebSocket with text frames; of the look-ups, legacy's."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def look_up(self, message: str) -> Mapping[str, object]:
        """Send a frame and take the next one as its answer."""
        try:
            await self._socket.send_str(message)
        except (aiohttp.ClientError, OSError) as error:
            raise Broken from error
        frame = await self._socket.receive(ANSWER_SECONDS)
        if frame.type is not aiohttp.WSMsgType.TEXT:
            raise Broken
        return _told(json.loads(frame.data))

    async def close(self) -> None:
        """Say good-bye."""
        await self._socket.close()


class SocketIoLine:
    """Candidate's: an event with an acknowledgement."""

    def __init__(self, client: socketio.AsyncClient) -> None:
        self._client = client
        self._broken = asyncio.Event()
        client.on("disconnect", self._disconnected)

    async def look_up(self, message: str) -> Mapping[str, object]:
        """Emit the event and await what acknowledges it, or the end of the connection."""
        call = asyncio.ensure_future(self._client.call("lookup", json.loads(message), timeout=ANSWER_SECONDS))
        broken = asyncio.ensure_future(self._broken.wait())
        await asyncio.wait({call, broken}, return_when=asyncio.FIRST_COMPLETED)
        broken.cancel()
        if not call.done():
            call.cancel()
            raise socketio.exceptions.DisconnectedError
        return _told(call.result())

    async def close(self) -> None:
        """Say good-bye, and leave once it has been heard."""
        try:
            await self._client.call("leave", timeout=ANSWER_SECONDS)
        finally:
            await self._client.disconnect()

    async def _disconnected(self, *_: object) -> None:
        self._broken.set()


async def open_raw(target: Target, path: str, person: str) -> RawLine:
    """A raw WebSocket of this person."""
    socket = await target.session.ws_connect(target.url + path, params={"user": person}, max_msg_size=LARGEST_ANSWER)
    return RawLine(socket)


async def open_boards(target: Target, person: str) -> Line:
    """A connection over which departure boards are watched; the application has the variants behind it."""
    return await open_raw(target, "/boards/ws", person)


async def open_line(target: Target, person: str) -> Line:
    """A connection of the transport that this person should use; Moved when that has just changed."""
    if await target.live_variant(SOCKETIO, person) == "legacy":
        return await open_raw(target, "/live/ws", person)
    client = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=target.session)
    try:
        await client.connect(
            target.url,
            auth={"user": person},
            socketio_path="/live/socket.io",
            transports=["websocket"],
            wait_timeout=ANSWER_SECONDS,
        )
    except socketio.exceptions.ConnectionError as error:
        await client.disconnect()
        raise Moved from error
    return SocketIoLine(client)


def _told(answer: Mapping[str, object]) -> Mapping[str, object]:
    if answer.get("moved"):
        raise Moved
    return answer
