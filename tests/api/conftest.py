"""An API process without Temporal, whose address leads nowhere; each test has an environment of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.database import AWAY
from api.settings import Settings
from store.engine import create_engine

ADMIN = "cf_admin_testadmin_" + "a" * 43
SDK = "cf_sdk_testsdk_" + "b" * 43
PLANS = Path(__file__).parent.parent.parent / "plans"
NO_TEMPORAL = {"TEMPORAL_ADDRESS": "127.0.0.1:1"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


class Application(httpx.ASGITransport):
    """Calls an application, and repeats what found Postgres too slow, as the answer says: the other tests load it."""

    def __init__(self, app: FastAPI, repeats: int) -> None:
        super().__init__(app, raise_app_exceptions=False)
        self.repeats = repeats

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(self.repeats):
            response = await super().handle_async_request(request)
            if response.status_code != 503 or AWAY.kind.encode() not in await response.aread():
                return response
        return await super().handle_async_request(request)


@asynccontextmanager
async def calling(app: FastAPI, token: str | None, *, repeats: int = 5) -> AsyncIterator[httpx.AsyncClient]:
    transport = Application(app, repeats)
    headers = bearer(token) if token else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
        yield client


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    """A real server in front of an application whose lifespan runs already; its address."""
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # The listener accepts from here on; the first request waits in its queue until the server is up.
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@pytest.fixture
def environment() -> str:
    return f"test-{uuid4().hex[:12]}"


@pytest.fixture
async def engine(committed_database: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(committed_database)
    yield engine
    await engine.dispose()


@pytest.fixture
def settings(committed_database: str, environment: str) -> Settings:
    return Settings(
        database_url=committed_database,
        environment=environment,
        admin_token=ADMIN,
        sdk_token=SDK,
        plans=PLANS,
        environ=NO_TEMPORAL,
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    async with running(settings) as app:
        yield app


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    async with listening(app) as address:
        yield address


@pytest.fixture
async def admin(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(app, ADMIN) as client:
        yield client


@pytest.fixture
async def sdk(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(app, SDK) as client:
        yield client


@pytest.fixture
async def nobody(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(app, None) as client:
        yield client
