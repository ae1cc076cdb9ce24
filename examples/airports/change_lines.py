"""Subscribers of the stream of changes: JSON frames over a WebSocket, for both variants.

A connection has the variant of its opening. When the flag has changed, the subscriber is told to come again; who was
candidate's then starts from zero at legacy, and who was legacy's gets its first session.
"""

import json

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from examples.airports.components.websocket_connection_migration import NAME
from examples.airports.faults import Faults
from examples.airports.people import context
from examples.airports.serving import CANDIDATE, Serving
from examples.airports.told import BROKEN, MOVED, NORMAL_CLOSES, told


class ChangeLines:
    """The transport of `websocket-connection-migration`."""

    def __init__(self, serving: Serving, faults: Faults) -> None:
        self._serving = serving
        self._faults = faults
        self.router = APIRouter()
        self.router.add_api_websocket_route("/changes/ws", self.serve)

    async def serve(self, websocket: WebSocket) -> None:
        """Answer one frame after the other."""
        await websocket.accept()
        person = context(websocket.query_params.get("user", ""))
        connection = self._serving.client.connection(NAME, person)
        code = BROKEN
        try:
            while True:
                message = await websocket.receive_text()
                if connection.variant == CANDIDATE and self._faults.breaks(NAME):
                    await websocket.close(BROKEN)
                    return
                if not connection.is_current:
                    await websocket.send_text(json.dumps(MOVED))
                    continue
                served = await self._serving.serve(NAME, {"message": message}, person)
                await websocket.send_text(json.dumps(told(served)))
        except WebSocketDisconnect as gone:
            code = gone.code
        finally:
            connection.close(abnormal=code not in NORMAL_CLOSES)
