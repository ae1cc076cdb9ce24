"""The two transports of live look-ups: raw WebSockets for legacy, Socket.IO for candidate.

A user first asks which one to use. The flag may change in between or later: then the user is told to move, answers go
on coming from the right side, and nothing is counted for the telling.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import socketio
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from crossfade.sdk import Connection
from examples.airports.components.websocket_socketio import NAME
from examples.airports.faults import Faults
from examples.airports.people import context
from examples.airports.serving import CANDIDATE, LEGACY, Serving
from examples.airports.told import BROKEN, MOVED, MOVED_CLOSE, NORMAL_CLOSES, told

LARGEST_MESSAGE = 16_384
_NORMAL_REASONS = frozenset({"client disconnect", "server disconnect", "client namespace disconnect"})


@dataclass(frozen=True, slots=True)
class Line:
    """One open connection of one user."""

    connection: Connection
    person: Mapping[str, object]
    environ: Mapping[str, Any]

    @property
    def is_socket(self) -> bool:
        """Whether it is a WebSocket, and no long polling."""
        return bool(self.environ["asgi.scope"]["type"] == "websocket")


class Sockets:
    """Both transports over one flag."""

    def __init__(self, serving: Serving, faults: Faults) -> None:
        self._serving = serving
        self._faults = faults
        self._lines: dict[str, Line] = {}
        self.router = APIRouter()
        self.router.add_api_websocket_route("/live/ws", self.serve_raw)
        self.server = socketio.AsyncServer(
            async_mode="asgi", max_http_buffer_size=LARGEST_MESSAGE, cors_allowed_origins=[]
        )
        self.server.on("connect", self._opened)
        self.server.on("lookup", self._asked)
        self.server.on("leave", self._leaving)
        self.server.on("disconnect", self._closed)
        self.application = socketio.ASGIApp(self.server, socketio_path="/live/socket.io")

    async def serve_raw(self, websocket: WebSocket) -> None:
        """Legacy's transport."""
        await websocket.accept()
        line = self._line(websocket.query_params.get("user", ""), {})
        if line.connection.variant != LEGACY:
            line.connection.close()
            await websocket.close(MOVED_CLOSE, "moved")
            return
        code = BROKEN
        try:
            while True:
                frame = await websocket.receive_text()
                await websocket.send_text(json.dumps(await self._answer(line, frame)))
        except WebSocketDisconnect as gone:
            code = gone.code
        finally:
            line.connection.close(abnormal=code not in NORMAL_CLOSES)

    async def _opened(self, sid: str, environ: Mapping[str, Any], auth: object = None) -> None:
        user = auth.get("user") if isinstance(auth, dict) else None
        line = self._line(user if isinstance(user, str) else "", environ)
        if line.connection.variant != CANDIDATE:
            line.connection.close()
            raise socketio.exceptions.ConnectionRefusedError("moved")
        self._lines[sid] = line

    async def _asked(self, sid: str, event: object) -> object:
        line = self._lines[sid]
        if line.is_socket and self._faults.breaks(NAME):
            await line.environ["asgi.send"]({"type": "websocket.close", "code": BROKEN})
            return self.server.not_handled  # nothing acknowledges the event
        return await self._answer(line, json.dumps(event))

    async def _leaving(self, sid: str) -> Mapping[str, object]:
        # python-socketio's client may close its transport before its good-bye is sent, so ours says it beforehand.
        self._lines[sid].connection.close()
        return {}

    async def _closed(self, sid: str, reason: str) -> None:
        if line := self._lines.pop(sid, None):
            line.connection.close(abnormal=reason not in _NORMAL_REASONS)

    def close(self) -> None:
        """Close what is still open: the application ends in good order."""
        for line in self._lines.values():
            line.connection.close()
        self._lines.clear()

    def _line(self, user: str, environ: Mapping[str, Any]) -> Line:
        person = context(user)
        return Line(self._serving.client.connection(NAME, person), person, environ)

    async def _answer(self, line: Line, message: str) -> Mapping[str, object]:
        if not line.connection.is_current:
            return MOVED
        served = await self._serving.serve(NAME, {"message": message}, line.person)
        return told(served)
