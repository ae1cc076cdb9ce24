"""The live connections of the application without the rest: a real server, the SDK, and what it reports."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

import aiohttp
import uvicorn
from fastapi import FastAPI

from crossfade.sdk import Client
from examples.airports.board_lines import BoardLines
from examples.airports.change_lines import ChangeLines
from examples.airports.components import (
    websocket_connection_migration,
    websocket_provider_sdk,
    websocket_socketio,
)
from examples.airports.components.boards import Boards
from examples.airports.components.changes import Stream
from examples.airports.directory import Directory
from examples.airports.faults import Faults
from examples.airports.serving import Serving
from examples.airports.sockets import Sockets
from examples.airports.traffic.counts import Counts
from examples.airports.traffic.target import Target
from tests.examples.airports.control_plane import ControlPlane, control_plane
from tests.examples.airports.programs import eventually


@dataclass(frozen=True)
class House:
    """What a test of live connections reaches."""

    plane: ControlPlane
    client: Client
    faults: Faults
    boards: Boards
    stream: Stream
    target: Target

    async def published(self, name: str, percentage: int) -> None:
        """Change a flag and wait until the application obeys it."""
        self.plane.publish(name, percentage=percentage)

        async def is_known() -> bool:
            return any(flag.name == name and flag.percentage == percentage for flag in self.client.flags())

        await eventually(is_known)

    async def reported(self, name: str, variant: str) -> Mapping[str, int]:
        """What the SDK has counted, once all connections that were opened are closed; the SDK ends with it."""

        async def are_closed() -> bool:
            opened, closed = (self.plane.reported[name, variant, f"connections{it}"] for it in ("Opened", "Closed"))
            return opened == closed > 0

        await eventually(are_closed)
        await asyncio.to_thread(self.client.close)
        metrics = ("requests", "errors", "connectionsOpened", "connectionsClosed", "connectionsAbnormal")
        return {metric: self.plane.reported[name, variant, metric] for metric in metrics}


@asynccontextmanager
async def live_house(directory: Directory, percentages: Mapping[str, int]) -> AsyncIterator[House]:
    """The house with its flags at these percentages."""
    boards, stream = Boards(directory), Stream(directory)
    components = (
        websocket_socketio.build(directory),
        websocket_provider_sdk.build(boards),
        websocket_connection_migration.build(stream),
    )
    faults = Faults(components, random=Random(4))
    async with control_plane() as plane, aiohttp.ClientSession() as session:
        for name, percentage in percentages.items():
            plane.publish(name, percentage=percentage)
        client = Client(plane.url, "sdk")
        await asyncio.to_thread(client.start)
        serving = Serving(client, components, faults)
        sockets = Sockets(serving, faults)
        application = FastAPI()
        for lines in (sockets, BoardLines(serving, faults, boards), ChangeLines(serving, faults)):
            application.include_router(lines.router)
        application.mount("/live/socket.io", sockets.application)
        async with _listening(application) as url:
            target = Target(url, session, Counts([component.name for component in components]))
            yield House(plane, client, faults, boards, stream, target)
        await boards.close()
        await asyncio.to_thread(client.close)


@asynccontextmanager
async def _listening(application: FastAPI) -> AsyncIterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        config = uvicorn.Config(application, log_level="warning", ws="websockets-sansio", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        host, port = listener.getsockname()
        yield f"http://{host}:{port}"
        server.should_exit = True
        await serving
