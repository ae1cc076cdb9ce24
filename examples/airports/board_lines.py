"""People who watch departure boards: each has a connection to the application, which opens one to the provider.

The provider's connection is the one that migrates, so it is the one that is counted. When it breaks, the next one is
opened and the person notices nothing; when the flag has changed meanwhile, the person is told to come again.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from itertools import count

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from crossfade.sdk import Connection
from examples.airports.components.boards import Boards
from examples.airports.components.provider_links import LinkLost
from examples.airports.components.websocket_provider_sdk import NAME, WATCHER
from examples.airports.faults import Faults
from examples.airports.people import context
from examples.airports.serving import CANDIDATE, Serving
from examples.airports.told import MOVED, told


class Watcher:
    """One person's connection to the provider, as often as it has to be opened."""

    def __init__(self, boards: Boards, serving: Serving, *, number: int, person: Mapping[str, object]) -> None:
        self.id = str(number)
        self._boards = boards
        self._client = serving.client
        self._person = person
        self._connection: Connection | None = None

    async def is_served(self) -> bool:
        """Whether the person can stay: the connection is there and of the right variant, opened anew if it broke."""
        if self._connection is not None and self._boards.is_lost(self._connection.variant, self.id):
            await self.close()
        if self._connection is None:
            connection = self._client.connection(NAME, self._person)
            try:
                await self._boards.attach(connection.variant, self.id)
            except (LinkLost, TimeoutError, OSError):
                connection.close(abnormal=True)
                return False
            self._connection = connection
        return self._connection.is_current

    async def broken_by(self, faults: Faults) -> None:
        """Let the fault break candidate's connection, if there is one."""
        if self._connection is not None and self._connection.variant == CANDIDATE and faults.breaks(NAME):
            await self._boards.cut(CANDIDATE, self.id)

    async def close(self) -> None:
        """Close and count the end: abnormal when the connection broke before."""
        if connection := self._connection:
            self._connection = None
            connection.close(abnormal=self._boards.is_lost(connection.variant, self.id))
            with suppress(LinkLost):
                await self._boards.detach(connection.variant, self.id)


class BoardLines:
    """The transport between people and the application: JSON frames over a WebSocket, for both variants."""

    def __init__(self, serving: Serving, faults: Faults, boards: Boards) -> None:
        self._serving = serving
        self._faults = faults
        self._boards = boards
        self._numbers = count(1)
        self.router = APIRouter()
        self.router.add_api_websocket_route("/boards/ws", self.serve)

    async def serve(self, websocket: WebSocket) -> None:
        """Answer one frame after the other."""
        await websocket.accept()
        person = context(websocket.query_params.get("user", ""))
        watcher = Watcher(self._boards, self._serving, number=next(self._numbers), person=person)
        try:
            while True:
                message = await websocket.receive_text()
                await watcher.broken_by(self._faults)
                if not await watcher.is_served():
                    await websocket.send_text(json.dumps(MOVED))
                    continue
                served = await self._serving.serve(NAME, {"message": message, WATCHER: watcher.id}, person)
                await websocket.send_text(json.dumps(told(served)))
        except WebSocketDisconnect:
            pass
        finally:
            await watcher.close()
