"""The API as its own process, as the stack starts it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from local.ports import free_port
from tests.api.conftest import ADMIN, NO_TEMPORAL, SDK, bearer

ROOT = Path(__file__).parent.parent.parent
READY_SECONDS = 60.0


@contextmanager
def process(database: str, environment: str, **more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`python -m api` on a free port; its address. It has answered once when this returns."""
    port = free_port()
    variables = {
        "DATABASE_URL": database,
        "CROSSFADE_ENVIRONMENT": environment,
        "CROSSFADE_ADMIN_TOKEN": ADMIN,
        "CROSSFADE_SDK_TOKEN": SDK,
        **NO_TEMPORAL,
        **more,
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "api", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_it_answers(child, address)
        yield child, address
    finally:
        child.kill()
        child.communicate()


def wait_until_it_answers(child: subprocess.Popen[str], address: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert child.poll() is None, child.communicate()[0]
        try:
            httpx.get(f"{address}/api/migration/health", timeout=5)
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        return
    raise TimeoutError


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_on_loopback_and_ends_in_good_order(
    committed_database: str, environment: str, number: signal.Signals
) -> None:
    with process(committed_database, environment) as (child, address):
        flags = httpx.get(f"{address}/api/migration/feature-flags", headers=bearer(ADMIN), timeout=10)
        child.send_signal(number)
        output, _ = child.communicate(timeout=20)

    assert flags.status_code == 200
    assert "server" not in flags.headers
    assert child.returncode == 0, output
    assert "Traceback" not in output
    assert ADMIN not in output


def test_a_wrong_configuration_ends_it_with_one_line_that_shows_no_secret() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": "postgresql:///x", "CROSSFADE_ADMIN_TOKEN": "hunter2"},
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("api: CROSSFADE_ADMIN_TOKEN")
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr
