"""The API as its own process, as the stack starts it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.settings import Settings
from local.ports import free_port
from store.identifiers import uuid7
from tests.api.conftest import ADMIN, NO_TEMPORAL, SDK, bearer, running
from tests.faults.proxy import Proxy

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


async def subscribe(client: httpx.AsyncClient, path: str, token: str, open_streams: asyncio.Semaphore) -> str:
    """Read a stream to its end; an httpx error when it is cut off."""
    async with client.stream("GET", f"/api/migration/{path}", headers=bearer(token)) as answer:
        assert answer.status_code == 200
        received = ""
        async for part in answer.aiter_text():
            if not received:
                open_streams.release()
            received += part
    return received


async def send(client: httpx.AsyncClient, revision: int, acknowledged: set[str], sent: asyncio.Semaphore) -> list[int]:
    """Send batches one after the other until nobody listens; the answers that are no 200."""
    wrong: list[int] = []
    while True:
        row = {"component": "search", "variant": "candidate", "revision": revision, "metric": "requests", "count": 1}
        bucket = int(time.time()) // 10 * 10
        batch = str(uuid7())
        body = {
            "batchId": batch,
            "client": "curl",
            "sentAt": time.time(),
            "summaries": [row | {"bucket": bucket}],
        }
        try:
            answer = await client.post("/api/migration/metrics", json=body, headers=bearer(SDK))
        except httpx.TransportError:
            return wrong
        if answer.status_code == 200:
            acknowledged.add(batch)
            sent.release()
        else:
            wrong.append(answer.status_code)


@pytest.mark.parametrize("variable", ["TEMPORAL_PROFILE", "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "TEMPORAL_ADDRESS"])
async def test_it_does_not_start_where_the_way_to_temporal_makes_no_sense(settings: Settings, variable: str) -> None:
    """It would serve without ever delivering an order."""
    with pytest.raises((RuntimeError, FileNotFoundError, ValueError)):
        async with running(replace(settings, environ={variable: "/nowhere"})):
            pass


async def test_it_ends_under_load_with_subscribers_and_loses_nothing_that_it_has_acknowledged(
    committed_database: str, environment: str, engine: AsyncEngine
) -> None:
    acknowledged: set[str] = set()
    connected, sent = asyncio.Semaphore(0), asyncio.Semaphore(0)
    with process(committed_database, environment) as (child, address):
        async with httpx.AsyncClient(base_url=address, timeout=30, trust_env=False) as client:
            flag = {"enabled": True, "rolloutPercentage": 50}
            made = await client.put("/api/migration/feature-flags/search", json=flag, headers=bearer(ADMIN))
            streams = [
                asyncio.create_task(subscribe(client, path, token, connected))
                for path, token in (("dashboard/stream", ADMIN), ("sdk/stream", SDK))
            ]
            senders = [asyncio.create_task(send(client, made.json()["revision"], acknowledged, sent)) for _ in range(4)]
            async with asyncio.timeout(READY_SECONDS):
                for _ in streams:
                    await connected.acquire()
                for _ in range(20):
                    await sent.acquire()
            child.send_signal(signal.SIGTERM)
            async with asyncio.timeout(READY_SECONDS):
                wrong = await asyncio.gather(*senders)
                received = await asyncio.gather(*streams)
        output, _ = await asyncio.to_thread(child.communicate, timeout=READY_SECONDS)

    assert child.returncode == 0, output
    assert "Traceback" not in output
    assert wrong == [[], [], [], []]
    assert all(received)
    async with engine.begin() as connection:
        known = await connection.execute(text("select batch_id from ingest_batches"))
        assert acknowledged <= {str(row.batch_id) for row in known}
        leases = text("select count(*) from replicas where environment = :environment")
        assert (await connection.execute(leases, {"environment": environment})).scalar_one() == 0


@pytest.mark.faults
async def test_it_ends_with_0_while_postgres_hangs_and_somebody_looks(
    committed_database: str, environment: str
) -> None:
    connected = asyncio.Semaphore(0)
    async with Proxy.to_database(committed_database) as postgres:
        with ExitStack() as stack:
            started = process(postgres.database_url, environment)
            child, address = await asyncio.to_thread(stack.enter_context, started)
            async with (
                httpx.AsyncClient(base_url=address, timeout=30, trust_env=False) as client,
                asyncio.timeout(READY_SECONDS),
            ):
                looking = [
                    asyncio.create_task(subscribe(client, path, token, connected))
                    for path, token in (("dashboard/stream", ADMIN), ("sdk/stream", SDK))
                ]
                for _ in looking:
                    await connected.acquire()
                postgres.mode = "blackhole"
                child.send_signal(signal.SIGTERM)
                await asyncio.gather(*looking, return_exceptions=True)
            output, _ = await asyncio.to_thread(child.communicate, timeout=READY_SECONDS)

    assert child.returncode == 0, output
