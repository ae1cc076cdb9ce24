"""An API process on a fresh database, without Temporal: its address leads nowhere."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.settings import Settings

ADMIN = "cf_admin_testadmin_" + "a" * 43
SDK = "cf_sdk_testsdk_" + "b" * 43
PLANS = Path(__file__).parent.parent.parent / "plans"
NO_TEMPORAL = {"TEMPORAL_ADDRESS": "127.0.0.1:1"}
Bearer = Callable[[str], dict[str, str]]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[FastAPI]:
    async with app.router.lifespan_context(app):
        yield app


@asynccontextmanager
async def calling(app: FastAPI, token: str | None) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    headers = bearer(token) if token else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
        yield client


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, admin_token=ADMIN, sdk_token=SDK, plans=PLANS, environ=NO_TEMPORAL)


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    async with running(create_app(settings)) as app:
        yield app


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
