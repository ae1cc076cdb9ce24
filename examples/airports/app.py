"""The application, put together: database, directory, components, flags, routes."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from crossfade.sdk import Client
from examples.airports.board_lines import BoardLines
from examples.airports.change_lines import ChangeLines
from examples.airports.component import Component
from examples.airports.components import build, websocket_provider_sdk
from examples.airports.components.boards import Boards
from examples.airports.crosschecks.crosscheck import CrossCheck
from examples.airports.database import create_engine, open_directory, warm
from examples.airports.faults import Faults
from examples.airports.routes import Parts, component_routes, fault_routes, operating_routes
from examples.airports.selfcheck import SelfCheck
from examples.airports.serving import Serving
from examples.airports.sockets import Sockets

_GAUGE_SECONDS = 1.0


def create_app(database_url: str, client: Client) -> FastAPI:
    """The application over a database; it starts and closes the client."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = create_engine(database_url)
        directory = await open_directory(engine)
        await warm(engine)
        boards = Boards(directory)
        components = build(engine, directory, ready=[websocket_provider_sdk.build(boards)])
        faults = Faults(components)
        serving = Serving(client, components, faults)
        sockets = Sockets(serving, faults)
        app.include_router(component_routes(serving))
        for lines in (sockets, BoardLines(serving, faults, boards), ChangeLines(serving, faults)):
            app.include_router(lines.router)
        selfcheck = SelfCheck(engine, directory, serving.sides.values())
        app.include_router(operating_routes(Parts(directory, serving, selfcheck, CrossCheck(serving.sides))))
        app.include_router(fault_routes(faults))
        app.mount("/live/socket.io", sockets.application)
        await asyncio.to_thread(client.start)
        gauges = asyncio.create_task(_declare_memory(client, components))
        yield
        gauges.cancel()
        with suppress(asyncio.CancelledError):
            await gauges
        sockets.close()
        for component in components:
            await component.close()
        await asyncio.to_thread(client.close)
        await engine.dispose()

    return FastAPI(title="Airports", lifespan=lifespan, openapi_url="/openapi.json", docs_url=None, redoc_url=None)


async def _declare_memory(client: Client, components: Iterable[Component]) -> None:
    while True:
        for component in components:
            for variant, memory in component.memory.items():
                client.gauge(component.name, variant, memory.usage())
        await asyncio.sleep(_GAUGE_SECONDS)
