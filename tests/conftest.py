"""The real Postgres and the real Temporal for every test that asks for them, one of each in a session."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

import local.postgres
import local.temporal
from local.home import remove
from store.engine import create_engine

# A shell without job control lets what is in its background ignore Ctrl-C; processes of the tests would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
# A test may lose its database at a power cut.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}


_exit_status = pytest.StashKey[int]()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remember how the session ended, for the way out below."""
    session.config.stash[_exit_status] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave without the interpreter's clean-up, in which Temporal's runtime may abort or hang (its issue 300)."""
    if _exit_status in config.stash:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[_exit_status])


def pytest_collection_finish() -> None:
    """What is there now stays until the end: the collector need not walk over it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def stack_home() -> Iterator[Path]:
    """A home that ends with the session, readable for the unprivileged user that root hands Postgres to."""
    folder = Path(tempfile.mkdtemp(prefix="cf-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    remove(folder)


@pytest.fixture(scope="session")
def postgres_url(stack_home: Path) -> Iterator[str]:
    """A server for the session; the URL of its database `app`."""
    with local.postgres.serve(stack_home, os.environ, settings=_FAST) as server:
        yield server.url


@pytest.fixture(scope="session")
def temporal(stack_home: Path) -> Iterator[str]:
    """A real Temporal development server for the session, without its web page; its address."""
    with local.temporal.serve(stack_home, os.environ, has_page=False) as server:
        yield server.address


@pytest.fixture(scope="session")
def test_server() -> str:
    """The path of the time-skipping server, for `start_time_skipping(test_server_existing_path=...)`."""
    return local.temporal.program("temporal-test-server", os.environ)


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> Iterator[str]:
    """The name of a migrated database that others are cloned from."""
    name = f"template_{uuid4().hex[:12]}"
    asyncio.run(_execute(postgres_url, f"CREATE DATABASE {name}"))
    _migrate(_with_database(postgres_url, name))
    yield name
    asyncio.run(_execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def shared_database(postgres_url: str, template_database: str) -> Iterator[str]:
    """The URL of a migrated database in which nobody commits."""
    yield from clone(postgres_url, template_database, "shared")


@pytest.fixture(scope="session")
def committed_database(postgres_url: str, template_database: str) -> Iterator[str]:
    """The URL of a migrated database for tests that commit, each in an environment of its own."""
    yield from clone(postgres_url, template_database, "committed")


@pytest.fixture(scope="session")
def workflow_database(postgres_url: str, template_database: str) -> Iterator[str]:
    """The same for tests with a worker: a second relay on its database would take its messages elsewhere."""
    yield from clone(postgres_url, template_database, "workflows")


@pytest.fixture
async def database_url(postgres_url: str, template_database: str) -> AsyncIterator[str]:
    """The URL (`postgresql://`) of a fresh migrated database, dropped after the test."""
    name = f"test_{uuid4().hex[:12]}"
    await _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template_database}")
    yield _with_database(postgres_url, name)
    await _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a fresh migrated database, for tests that commit."""
    engine = create_engine(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def connection(shared_database: str) -> AsyncIterator[AsyncConnection]:
    """A connection whose transaction is rolled back after the test."""
    engine = create_engine(shared_database)
    async with engine.connect() as connection:
        transaction = await connection.begin()
        yield connection
        if transaction.is_active:
            await transaction.rollback()
    await engine.dispose()


def clone(url: str, template: str, purpose: str) -> Iterator[str]:
    """The URL of a copy of the template, dropped at the end."""
    name = f"{purpose}_{uuid4().hex[:12]}"
    asyncio.run(_execute(url, f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield _with_database(url, name)
    asyncio.run(_execute(url, f"DROP DATABASE {name} WITH (FORCE)"))


def _with_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _migrate(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "store", "migrate"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
