import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from local import binaries
from local.children import User
from local.errors import AlreadyOwned, WrongVersion
from local.home import remove
from local.postgres import serve
from tests.local.folders import short_folder
from tests.local.processes import is_alive, wait_until_gone

ROOT = Path(__file__).parents[2]
# Holds a server open until it is killed; prints its URL and pid.
OWNER = """
import sys, time
from pathlib import Path
from local.postgres import serve
with serve(Path(sys.argv[1]), {}) as server:
    print(server.url, server.child.pid, flush=True)
    time.sleep(60)
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def home() -> Iterator[Path]:
    folder = short_folder()
    yield folder
    remove(folder)


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_the_server_listens_on_a_unix_socket_only(postgres_url: str) -> None:
    assert await ask(postgres_url, "show listen_addresses") == ""


async def test_an_engine_has_a_database_of_its_own(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        assert str(await connection.scalar(text("select current_database()"))).startswith("test_")


async def test_a_connection_is_rolled_back(connection: AsyncConnection) -> None:
    assert str(await connection.scalar(text("select current_database()"))).startswith("shared_")


def test_data_are_still_there_at_the_second_start(home: Path) -> None:
    with serve(home, {}) as first:
        asyncio.run(ask(first.url, "create table kept()"))
    with serve(home, {}) as second:
        assert asyncio.run(ask(second.url, "select count(*) from pg_class where relname = 'kept'")) == 1
        assert second.url == first.url


def test_a_database_url_replaces_the_server(home: Path) -> None:
    with serve(home, {"DATABASE_URL": "postgresql://somebody@elsewhere/else"}) as server:
        assert (server.url, server.child) == ("postgresql://somebody@elsewhere/else", None)
    assert list(home.iterdir()) == []


def test_a_second_owner_is_refused(home: Path) -> None:
    with serve(home, {}), pytest.raises(AlreadyOwned, match=str(home)), serve(home, {}):
        pass


def test_a_stale_pid_file_that_names_a_living_process_is_not_believed(home: Path) -> None:
    with serve(home, {}) as first:
        pid_file = Path(asyncio.run(data_directory(first.url))) / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        user = pid_file.stat()
    stranger = subprocess.Popen(["/bin/sleep", "60"], user=user.st_uid if os.geteuid() == 0 else None)
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        os.chown(pid_file, user.st_uid, user.st_gid)
        with serve(home, {}) as second:
            assert second.child is not None
            assert int(pid_file.read_text().split()[0]) == second.child.pid
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_data_directory_of_another_major_version_is_refused(home: Path) -> None:
    with serve(home, {}) as server:
        data = Path(asyncio.run(data_directory(server.url)))
    (data / "PG_VERSION").write_text("14\n")
    with pytest.raises(WrongVersion, match="14"), serve(home, {}):
        pass


def test_a_half_made_data_directory_is_made_again(home: Path) -> None:
    with serve(home, {}) as server:
        data = Path(asyncio.run(data_directory(server.url)))
    data.rename(data.with_suffix(".new"))
    with serve(home, {}) as server:
        assert asyncio.run(ask(server.url, "select 1")) == 1


def test_the_server_dies_with_its_owner_and_the_next_owner_takes_over(home: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, home], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline().split()[-1])
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    with serve(home, {}) as server:
        assert server.child is not None
        assert server.child.pid != pid
        assert not is_alive(pid)  # it was waited for


def test_a_home_with_a_long_path_gets_a_short_socket(home: Path) -> None:
    deep = home / ("long" * 25)
    deep.mkdir()
    with serve(deep, {}) as server:
        assert asyncio.run(ask(server.url, "select 1")) == 1
    sockets = Path(server.url.partition("host=")[2])
    assert deep not in sockets.parents
    remove(deep)
    assert not sockets.exists()


@pytest.mark.skipif(not Path("/usr/lib/postgresql/15/bin/postgres").exists(), reason="no PostgreSQL 15 here")
def test_the_oldest_supported_version_runs(home: Path) -> None:
    with serve(home, {}, binaries=binaries.at(Path("/usr/lib/postgresql/15/bin"))) as server:
        assert server.major == binaries.OLDEST_MAJOR
        assert asyncio.run(ask(server.url, "select 1")) == 1


@needs_root
def test_root_hands_the_server_to_somebody_else(home: Path) -> None:
    with serve(home, {}) as server:
        assert server.child is not None
        assert Path(f"/proc/{server.child.pid}").stat().st_uid != 0


@needs_root
def test_a_home_that_only_root_can_enter_keeps_its_data_elsewhere_and_remove_finds_them(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    with serve(closed, {}) as server:
        data = Path(asyncio.run(data_directory(server.url)))
        assert closed not in data.parents
    remove(closed)
    assert not data.exists()
    assert not closed.exists()


@needs_root
def test_binaries_that_the_user_cannot_reach_are_copied(home: Path) -> None:
    hidden = home / "hidden"
    found = binaries.find()
    source = binaries.copy(found.folder, hidden)
    hidden.chmod(0o700)
    nobody = User(65534, 65534)
    copied = binaries.runnable(binaries.at(source), nobody, home / "cache")
    assert copied.major == found.major
    assert (home / "cache") in copied.folder.parents


@needs_root
def test_an_ordinary_user_runs_the_server_as_themselves(home: Path) -> None:
    python = reachable_python()
    if python is None:
        pytest.skip("no Python here that an ordinary user can reach")
    os.chown(home, 65534, 65534)
    packages = os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))])
    owner = subprocess.Popen(
        [python, "-c", OWNER, home],
        cwd="/",
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"},
        user=65534,
        group=65534,
        extra_groups=[],
    )
    assert owner.stdout is not None
    url, pid = owner.stdout.readline().split()
    assert asyncio.run(ask(url, "select 1")) == 1
    assert Path(f"/proc/{pid}").stat().st_uid == 65534
    owner.terminate()
    owner.wait()
    owner.stdout.close()
    assert wait_until_gone(int(pid)) == []


async def data_directory(url: str) -> str:
    return str(await ask(url, "show data_directory"))


def reachable_python() -> str | None:
    for candidate in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}", "/usr/bin/python3"):
        try:
            done = subprocess.run([candidate, "-c", ""], user=65534, group=65534, cwd="/", check=False)
        except (PermissionError, FileNotFoundError):
            continue
        if done.returncode == 0:
            return candidate
    return None
