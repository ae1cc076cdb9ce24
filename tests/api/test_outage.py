"""Postgres dies, freezes and comes back under a running API."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url

from api.acknowledgement import LEGACY_SECONDS
from api.database import AWAY, Database
from api.problems import Refused
from api.settings import Settings
from crossfade.system_health import DATABASE_AWAY
from local.home import remove
from local.postgres import Postgres, serve
from store import control
from store.engine import create_engine
from tests.api.conftest import ADMIN, NO_TEMPORAL, SDK, calling, listening, running
from tests.conftest import _migrate
from tests.dashboards import DASHBOARD, viewing
from tests.faults.processes import children, tell

HEALTH = "/api/migration/health"
FLAG = "/api/migration/feature-flags/search"
CONFIRMATION = {"clientId": "x", "revision": 0, "epoch": 0}
PATIENCE = 20.0


class Server:
    """A Postgres that a test may kill and start again."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._stack = ExitStack()
        self._postgres: Postgres | None = None

    def start(self) -> str:
        environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        self._postgres = self._stack.enter_context(serve(self._home, environ))
        return self._postgres.url

    @property
    def pid(self) -> int:
        assert self._postgres is not None
        assert self._postgres.child is not None
        return self._postgres.child.pid

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self._stack.close()

    def close(self) -> None:
        self._stack.close()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        family = [self.pid, *children(self.pid)]
        tell(family, signal.SIGSTOP)
        try:
            yield
        finally:
            tell(family, signal.SIGCONT)


@pytest.fixture
def server() -> Iterator[Server]:
    home = Path(tempfile.mkdtemp(prefix="cf-outage-", dir="/tmp"))
    home.chmod(0o755)
    server = Server(home)
    yield server
    server.close()
    remove(home)


@asynccontextmanager
async def an_api(url: str) -> AsyncIterator[FastAPI]:
    settings = Settings(database_url=url, admin_token=ADMIN, sdk_token=SDK, environ=NO_TEMPORAL)
    async with running(settings) as app:
        yield app


async def until(client: httpx.AsyncClient, *, database_is_healthy: bool) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await client.get(HEALTH)).json()["dependencies"]["database"]["healthy"] is not database_is_healthy:
            continue


async def renewed(sdk: httpx.AsyncClient) -> bool:
    """Whether a client that confirms is given validity again."""
    answer = await sdk.post("/api/migration/sdk/confirmations", json=CONFIRMATION)
    return answer.is_success and answer.json()["validFor"] > 0


async def test_a_killed_postgres_is_503_and_its_return_is_noticed_without_a_restart(server: Server) -> None:
    url = server.start()
    _migrate(url)
    async with an_api(url) as app, calling(app, ADMIN, repeats=0) as admin:
        made = await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 30})
        server.kill()
        await until(admin, database_is_healthy=False)
        down = await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 40})
        server.start()
        await until(admin, database_is_healthy=True)
        up = await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 50})
        async with asyncio.timeout(PATIENCE):
            await app.state.services.replica.reached(up.json()["revision"])
            while not await renewed(admin):
                continue

    assert (made.status_code, down.status_code, up.status_code) == (201, 503, 200)
    assert down.json()["type"] == "urn:crossfade:problem:database-unavailable"
    assert down.headers["retry-after"] == "1"


async def test_a_frozen_postgres_ends_in_503_renews_nobody_and_a_stop_says_by_when_everything_live_is_on_legacy(
    server: Server,
) -> None:
    url = server.start()
    _migrate(url)
    async with an_api(url) as app, calling(app, SDK, repeats=0) as sdk, calling(app, ADMIN, repeats=0) as admin:
        await app.state.services.replica.reached(0)
        with server.frozen():
            async with asyncio.timeout(PATIENCE):
                stuck = await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 30})
                before = datetime.now(UTC)
                stop = await admin.post("/api/migration/emergency-stop")
            health = (await admin.get(HEALTH)).json()
            assert app.state.services.replica.served().valid_for == 0
        await until(admin, database_is_healthy=True)
        async with asyncio.timeout(PATIENCE):
            while not await renewed(sdk):
                continue

    assert (stuck.status_code, stop.status_code) == (503, 503)
    assert stop.json()["type"] == "urn:crossfade:problem:database-unavailable"
    assert stop.json()["secondsUntilLegacy"] == LEGACY_SECONDS
    assert datetime.fromisoformat(stop.json()["legacyBy"]) > before + timedelta(seconds=LEGACY_SECONDS)
    assert "repeat it" in stop.json()["detail"]
    assert not health["dependencies"]["flags"]["healthy"]


async def test_a_dashboard_that_is_looked_at_says_so_and_goes_on_afterwards(server: Server) -> None:
    url = server.start()
    _migrate(url)
    async with (
        an_api(url) as app,
        calling(app, ADMIN, repeats=0) as admin,
        listening(app) as address,
        viewing(address, ADMIN, interval=1) as stream,
    ):
        good = before = await anext(stream)
        server.kill()
        async for during in stream:
            if during.data["systemHealth"]["cause"] == DATABASE_AWAY:
                break
            good = during
        once = await admin.get(DASHBOARD)
        server.start()
        async for after in stream:
            if after.data["systemHealth"] == before.data["systemHealth"]:
                break

    assert before.data["systemHealth"]["status"] == "degraded"
    assert during.data == {**good.data, "systemHealth": during.data["systemHealth"]}
    assert during.data["systemHealth"]["status"] == "failing"
    assert once.status_code == 503
    assert after.data["generatedAt"] > good.data["generatedAt"]


async def test_an_api_that_starts_before_postgres_serves_once_it_is_there(server: Server) -> None:
    url = server.start()
    _migrate(url)
    server.kill()
    async with an_api(url) as app, calling(app, ADMIN, repeats=0) as admin:
        early = await admin.get(FLAG)
        server.start()
        async with asyncio.timeout(PATIENCE):
            while (late := await admin.get(FLAG)).status_code == 503:
                continue

    assert (early.status_code, late.status_code) == (503, 404)


async def test_an_api_that_starts_before_the_schema_is_there_says_so_and_serves_once_it_is(server: Server) -> None:
    url = server.start()
    async with an_api(url) as app, calling(app, ADMIN, repeats=0) as admin:
        health, early = await admin.get(HEALTH), await admin.get(FLAG)
        _migrate(url)
        async with asyncio.timeout(PATIENCE):
            while (late := await admin.get(FLAG)).status_code == 503:
                continue

    assert health.status_code == 200
    assert health.json()["dependencies"]["database"] == {"healthy": False, "issue": DATABASE_AWAY}
    assert (early.status_code, late.status_code) == (503, 404)


@pytest.mark.parametrize(
    "part",
    [{"database": "nowhere"}, {"username": "nobody_there"}, {"query": {"default_transaction_read_only": "on"}}],
    ids=lambda part: next(iter(part)),
)
async def test_a_server_that_lets_nobody_write_is_away(committed_database: str, part: dict[str, Any]) -> None:
    """A database or a role that is not there yet, and a standby that a failover has left behind."""
    address = make_url(committed_database)
    changed = address.set(**{**part, "query": {**address.query, **part.get("query", {})}})
    database = Database(create_engine(changed.render_as_string(hide_password=False)))
    with pytest.raises(Refused) as refused:
        async with database.transaction() as connection:
            await control.lock(connection, "somewhere")
    await database.engine.dispose()

    assert refused.value.problem == AWAY
