"""A whole stack as a person starts it: real processes, its addresses read from what it prints."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import asyncpg
import httpx

from local.home import remove
from tests.local.folders import short_folder

ROOT = Path(__file__).parents[2]
LIVE = {"pending", "running"}
MIGRATION_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that runs until the context ends."""

    home: Path
    owner: subprocess.Popen[str]
    told: Mapping[str, Any]

    @property
    def pids(self) -> Mapping[str, int]:
        """The processes now; some are started again under another id."""
        processes: Mapping[str, int] = json.loads((self.home / "stack.json").read_text())["processes"]
        return processes

    @property
    def is_healthy(self) -> bool:
        """Whether the API says so of everything."""
        with self.api() as api:
            return bool(api.get("health").json()["healthy"])

    def api(self) -> httpx.Client:
        """A client with the operator's token."""
        headers = {"Authorization": f"Bearer {self.told['adminToken']}"}
        return httpx.Client(base_url=f"{self.told['api']}/api/migration/", headers=headers, timeout=10, trust_env=False)

    def migrate(self, plan: str, *, meanwhile: Callable[[httpx.Client], None] = lambda _: None) -> Mapping[str, Any]:
        """Start a plan, and give the migration when it or one of its phases has come to an end or a pause."""
        with self.api() as api:
            started = api.post("migrations", json={"plan": plan})
            assert started.status_code == 202, started.text
            meanwhile(api)
            deadline = time.monotonic() + MIGRATION_SECONDS
            while True:
                seen: Mapping[str, Any] = api.get(f"migrations/{started.json()['id']}").json()
                if seen["status"] not in LIVE or any(phase["status"] == "paused" for phase in seen["phases"]):
                    return seen
                assert time.monotonic() < deadline, f"after {MIGRATION_SECONDS} s: {seen}"
                time.sleep(0.2)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database answers."""
        return asyncio.run(_rows(self.told["databaseUrl"], query))


@contextlib.contextmanager
def home() -> Iterator[Path]:
    """A data directory that ends with the test."""
    folder = short_folder()
    try:
        yield folder
    finally:
        remove(folder)


@contextlib.contextmanager
def stack(folder: Path) -> Iterator[Running]:
    """`python -m local up --json`, ready; ended with SIGTERM unless the test has ended it."""
    owner = start(folder, "up", "--json")
    try:
        yield Running(folder, owner, _told(owner))
    finally:
        end(owner)


def start(folder: Path, *arguments: str, output: IO[str] | None = None) -> subprocess.Popen[str]:
    """`python -m local` with these arguments; what it says goes to `output`, else to pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        env={**os.environ, "CROSSFADE_HOME": str(folder)},
        stdout=output or subprocess.PIPE,
        stderr=subprocess.STDOUT if output else subprocess.PIPE,
        text=True,
    )


def end(owner: subprocess.Popen[str]) -> int:
    """Ask it to end, and close its pipes; its exit code."""
    if owner.poll() is None:
        owner.send_signal(signal.SIGTERM)
    owner.communicate(timeout=60)
    return owner.returncode


def wait_until(holds: Callable[[], object], *, seconds: float, what: str) -> None:
    """Wait for a condition; the test fails with `what` when it does not come."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what} after {seconds} s"
        time.sleep(0.2)


def _told(owner: subprocess.Popen[str]) -> Mapping[str, Any]:
    """The object that `--json` prints, as soon as it is whole."""
    assert owner.stdout is not None
    assert owner.stderr is not None
    text = ""
    while line := owner.stdout.readline():
        text += line
        with contextlib.suppress(json.JSONDecodeError):
            found: Mapping[str, Any] = json.loads(text)
            return found
    raise AssertionError(owner.stderr.read())


async def _rows(url: str, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()
