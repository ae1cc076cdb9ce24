"""One API process and one worker on an embedded Postgres and an embedded Temporal of their own."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

import local.postgres
import local.temporal
from local.home import remove
from local.ports import free_port

ENVIRONMENT = "bench"
ADMIN_TOKEN = "cf_admin_benchadmin_" + "a" * 43
SDK_TOKEN = "cf_sdk_benchsdk_" + "b" * 43
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Stack:
    """Where it answers."""

    database_url: str
    url: str


@contextmanager
def running() -> Iterator[Stack]:
    """Start everything, and end it."""
    home = Path(tempfile.mkdtemp(prefix="cf-bench-", dir="/tmp"))
    home.chmod(0o755)  # Postgres runs as somebody else where this runs as root
    foreign = ("DATABASE_URL", "TEMPORAL_", "CROSSFADE_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    try:
        with (
            local.postgres.serve(home, environ) as postgres,
            local.temporal.serve(home, environ, has_page=False) as temporal,
        ):
            variables = {
                **environ,
                **temporal.environment,
                "DATABASE_URL": postgres.url,
                "CROSSFADE_ENVIRONMENT": ENVIRONMENT,
                "CROSSFADE_ADMIN_TOKEN": ADMIN_TOKEN,
                "CROSSFADE_SDK_TOKEN": SDK_TOKEN,
            }
            migrate = [sys.executable, "-m", "store", "migrate"]
            subprocess.run(migrate, env=variables, check=True, stdout=sys.stderr)
            port = free_port()
            api, worker = ("-m", "api", "--port", str(port)), ("worker.py",)
            with _process(api, variables, home / "api.log"), _process(worker, variables, home / "worker.log"):
                stack = Stack(postgres.url, f"http://127.0.0.1:{port}")
                _wait_until_healthy(stack)
                yield stack
    finally:
        remove(home)


@contextmanager
def _process(arguments: tuple[str, ...], variables: Mapping[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        child = subprocess.Popen([sys.executable, *arguments], env=variables, stdout=output, stderr=output)
    try:
        yield
    finally:
        child.terminate()
        child.wait()


def _wait_until_healthy(stack: Stack) -> None:
    """Healthy is when the monitor ticks, too."""
    deadline = time.monotonic() + START_SECONDS
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(f"{stack.url}/api/migration/health", headers=headers, timeout=5, trust_env=False)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.json()["healthy"]:
            return
        time.sleep(0.2)
    raise RuntimeError("The stack did not become healthy.")
