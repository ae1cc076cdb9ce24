"""Several API processes on one embedded Postgres of their own."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from local.home import remove
from local.ports import free_port
from local.postgres import serve

ENVIRONMENT = "bench"
ADMIN_TOKEN = "cf_admin_benchadmin_" + "a" * 43
SDK_TOKEN = "cf_sdk_benchsdk_" + "b" * 43
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Api:
    """One API process."""

    process: "subprocess.Popen[bytes]"
    port: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """End it as a machine without power ends it."""
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True, slots=True)
class Stack:
    """What is measured."""

    database_url: str
    apis: tuple[Api, ...]


@contextmanager
def running(processes: int) -> Iterator[Stack]:
    """Start everything, and end it."""
    home = Path(tempfile.mkdtemp(prefix="cf-bench-", dir="/tmp"))
    home.chmod(0o755)  # Postgres runs as somebody else where this runs as root
    environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    try:
        with serve(home, environ) as postgres, ExitStack() as stack:
            migrate = [sys.executable, "-m", "store", "migrate"]
            subprocess.run(migrate, env={**environ, "DATABASE_URL": postgres.url}, check=True, stdout=sys.stderr)
            yield Stack(postgres.url, tuple(stack.enter_context(_api(postgres.url)) for _ in range(processes)))
    finally:
        remove(home)


@contextmanager
def _api(url: str) -> Iterator[Api]:
    port = free_port()
    variables = {
        "DATABASE_URL": url,
        "CROSSFADE_ENVIRONMENT": ENVIRONMENT,
        "CROSSFADE_ADMIN_TOKEN": ADMIN_TOKEN,
        "CROSSFADE_SDK_TOKEN": SDK_TOKEN,
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
    }
    command = [sys.executable, "-m", "api", "--port", str(port)]
    environ = {**os.environ, **variables}
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        try:
            _wait(child, port, log)
            yield Api(child, port)
        finally:
            child.terminate()
            child.wait()


def _wait(child: "subprocess.Popen[bytes]", port: int, log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/api/migration/health", timeout=5)
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        return
    log.seek(0)
    raise RuntimeError(f"An API process did not start: {log.read().decode(errors='replace')[-500:]}")
