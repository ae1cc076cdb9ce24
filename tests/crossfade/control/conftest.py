"""An API process without Temporal in a thread of the tests, so that a client may block; each module has its own."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from api.settings import Settings
from crossfade.control import Client
from crossfade.control.cli.running import run
from store.engine import create_engine
from tests.api.conftest import ADMIN, NO_TEMPORAL, PLANS, SDK, listening, running
from tests.crossfade.control.scripted import Scripted

T = TypeVar("T")
Command = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Api:
    """A running API: its address, its database, its environment."""

    url: str
    database: str
    environment: str

    def change(self, effect: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Do something to its database."""
        return asyncio.run(self._change(effect))

    async def _change(self, effect: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        engine = create_engine(self.database)
        async with engine.begin() as connection:
            result = await effect(connection)
        await engine.dispose()
        return result


@pytest.fixture(scope="module")
def api(committed_database: str) -> Iterator[Api]:
    environment = f"test-{uuid4().hex[:12]}"
    settings = Settings(
        database_url=committed_database,
        environment=environment,
        admin_token=ADMIN,
        sdk_token=SDK,
        plans=PLANS,
        environ=NO_TEMPORAL,
    )
    started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    with ThreadPoolExecutor(1) as thread:
        served = thread.submit(lambda: asyncio.run(_serve(settings, started)))
        served.add_done_callback(partial(_tell_failure, started))
        url, loop, ending = started.result()
        yield Api(url, committed_database, environment)
        loop.call_soon_threadsafe(ending.set)
        served.result()


def _tell_failure(started: Future[Any], served: Future[None]) -> None:
    if not started.done():
        started.set_exception(served.exception() or EOFError())


async def _serve(settings: Settings, started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
    ending = asyncio.Event()
    async with running(settings) as app, listening(app) as url:
        started.set_result((url, asyncio.get_running_loop(), ending))
        await ending.wait()


@pytest.fixture
def client(api: Api) -> Iterator[Client]:
    with Client(api.url, ADMIN) as client:
        yield client


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with Scripted() as server:
        yield server


@pytest.fixture
def crossfade(api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command against the API; its exit code, what it prints, and what it complains about."""
    monkeypatch.setenv("CROSSFADE_URL", api.url)
    monkeypatch.setenv("CROSSFADE_TOKEN", ADMIN)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return command
