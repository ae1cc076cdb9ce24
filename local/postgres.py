"""The embedded Postgres: one server in one data directory, reached through a private unix socket.

Its programs come from a wheel or from the system, its management from here: it ends with its owner, trusts no stale
file, and never runs as root. `DATABASE_URL` replaces all of it.
"""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from local.binaries import Binaries, find, runnable, unprivileged
from local.children import Child, User, start
from local.errors import ChildDied, WrongVersion
from local.home import cluster_folder, socket_folder
from local.locks import handed_over, owned

START_SECONDS = 60.0
_READY_LINE = 7
_ENVIRONMENT = {"LANG": "C", "LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A database to connect to; `child` is None when it is somebody else's server."""

    url: str
    child: Child | None = None
    major: int | None = None


@contextmanager
def serve(
    home: Path,
    environ: Mapping[str, str],
    *,
    binaries: Binaries | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Postgres]:
    """A database for as long as the context lasts: `DATABASE_URL`, or our own server below `home`.

    Enter it from the main thread. AlreadyOwned, NoPostgres, WrongVersion, ChildDied when there can be none.
    """
    if url := environ.get("DATABASE_URL"):
        yield Postgres(url)
        return
    binaries = binaries or find()
    with ExitStack() as stack:
        stack.enter_context(owned(home / "postgres.lock"))
        user = unprivileged(home / "postgres")
        cluster = cluster_folder(home, user)
        binaries = runnable(binaries, user, cluster)
        sockets = socket_folder(cluster, user)
        data = _data(cluster, binaries, user)
        log = stack.enter_context((cluster / "postgres.log").open("ab"))
        child = _start(binaries, data=data, sockets=sockets, user=user, log=log, settings=settings or {})
        stack.callback(child.stop, ask=signal.SIGINT)
        _wait_until_ready(child, data / "postmaster.pid", Path(log.name))
        yield Postgres(f"postgresql://app@/app?host={sockets}", child, binaries.major)


def _data(cluster: Path, binaries: Binaries, user: User | None) -> Path:
    """The data directory of this major version, made when it is missing, refused when it is of another."""
    data = cluster / str(binaries.major)
    if not data.exists():
        fresh = cluster / f"{binaries.major}.new"  # renamed when complete: a half-made directory is never used
        shutil.rmtree(fresh, ignore_errors=True)
        _initialise(binaries, fresh, user)
        fresh.rename(data)
    found = (data / "PG_VERSION").read_text().strip()
    if found != str(binaries.major):
        raise WrongVersion(f"{data} is of PostgreSQL {found}, the programs are {binaries.major}")
    return data


def _initialise(binaries: Binaries, data: Path, user: User | None) -> None:
    options = ["-A", "trust", "--no-sync", "--data-checksums", "-E", "UTF8", "--no-locale", "-U", "app"]
    _run([binaries.folder / "initdb", *options, "-D", data], user)
    _run([binaries.folder / "postgres", "--single", "-D", data, "postgres"], user, say=b"CREATE DATABASE app\n")


def _run(command: list[str | Path], user: User | None, say: bytes = b"") -> None:
    # pipe-like stdin in any case: initdb must not wait for a terminal.
    done = subprocess.run(
        command,
        input=say,
        capture_output=True,
        check=False,
        env=_ENVIRONMENT,
        cwd="/",
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
    )
    if done.returncode:
        raise ChildDied(f"{command[0]}: {(done.stderr or done.stdout).decode(errors='replace').strip()}")


def _start(
    binaries: Binaries, *, data: Path, sockets: Path, user: User | None, log: IO[bytes], settings: Mapping[str, str]
) -> Child:
    with handed_over(data.with_suffix(".lock")) as lock:
        # The lock proves that no server of ours lives here, so the file names a stranger or nobody. Postgres itself
        # would refuse to start when the number in it happens to be in use.
        (data / "postmaster.pid").unlink(missing_ok=True)
        chosen = {"listen_addresses": "", "unix_socket_directories": str(sockets), "timezone": "UTC", **settings}
        options = [word for key, value in chosen.items() for word in ("-c", f"{key}={value}")]
        return start(
            "postgres",
            [str(binaries.folder / "postgres"), "-D", str(data), "-p", "5432", *options],
            log=log,
            env=_ENVIRONMENT,
            cwd=Path("/"),
            user=user,
            death_signal=signal.SIGINT,
            keep_open=(lock,),
        )


def _wait_until_ready(child: Child, pid_file: Path, log: Path) -> None:
    """Ready is when the file says so AND names our process: a stale file says ready, too."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if (code := child.poll()) is not None:
            raise ChildDied(f"postgres ended with {code}; the end of {log}: {_tail(log)}")
        lines = pid_file.read_text().splitlines() if pid_file.exists() else []
        if len(lines) > _READY_LINE and lines[0] == str(child.pid) and lines[_READY_LINE].strip() == "ready":
            return
        time.sleep(0.01)
    raise ChildDied(f"postgres was not ready within {START_SECONDS:.0f} s; see {log}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-800:].strip()
