"""What an application serves after Postgres was restored from a backup that is older than what it has seen."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.settings import Settings
from crossfade.sdk import Client
from store import control, flags
from store.flags import Change
from tests.api.conftest import ADMIN, NO_TEMPORAL, SDK, listening, running
from tests.deploy.compose import ROOT

CONTEXT = {"targetingKey": "u-17"}
ENVIRONMENT = "production"
PATIENCE = 60.0
RESTORED = ROOT / "deploy" / "postgres" / "restored.sql"


async def test_an_application_takes_the_restored_flags_once_the_counters_were_moved_on(
    engine: AsyncEngine, database_url: str, tmp_path: Path
) -> None:
    await put(engine, percentage=0)
    async with engine.begin() as connection:
        backup = await control.get(connection, ENVIRONMENT)
    settings = Settings(database_url, admin_token=ADMIN, sdk_token=SDK, plans=tmp_path, environ=NO_TEMPORAL)
    async with running(settings) as app, listening(app) as address:
        client = Client(address, SDK, client_id="app-1")
        await asyncio.to_thread(client.start)
        await put(engine, percentage=100)
        await until(lambda: client.evaluate("search", CONTEXT).is_candidate)

        async with engine.begin() as connection:
            await put_on(connection, percentage=0)
            await connection.execute(text(f"update control set revision = {backup.revision}, epoch = {backup.epoch}"))
        await until(lambda: not client.status().connected)
        assert client.evaluate("search", CONTEXT).is_candidate

        async with engine.begin() as connection:
            for line in RESTORED.read_text().splitlines():
                if not line.startswith(("--", "\\")):
                    await connection.execute(text(line))
        await until(lambda: not client.evaluate("search", CONTEXT).is_candidate)
        await until(lambda: client.status().connected)
        await asyncio.to_thread(client.close)


async def put(engine: AsyncEngine, *, percentage: int) -> None:
    async with engine.begin() as connection:
        await put_on(connection, percentage=percentage)


async def put_on(connection: AsyncConnection, *, percentage: int) -> None:
    change = Change(enabled=True, percentage=Decimal(percentage))
    await flags.put(connection, environment=ENVIRONMENT, name="search", change=change, actor="ann", reason="a test")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - the client looks by itself
            await asyncio.sleep(0.05)
