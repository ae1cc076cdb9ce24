"""Many viewers of one API process, and the processor time that they cost it."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from local.ports import free_port

STREAM = "/api/migration/dashboard/stream"
TOKEN = "cf_admin_bench_" + "b" * 43
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Load:
    """What the viewers cost.

    Attributes:
        share: Of a core, beyond what the process needs without viewers.
        idle_share: Of a core, without viewers.
        fewest_events: That any viewer got while it was counted.
        due_events: That each was due at least.
    """

    viewers: int
    share: float
    idle_share: float
    fewest_events: int
    due_events: int


def watched(url: str, *, environment: str, viewers: int, interval: int, seconds: int) -> Load:
    """Start an API process, let so many look at it for so many seconds, and count."""
    with _process(url, environment) as (pid, port):
        idle = asyncio.run(_share(pid, seconds))
        counts: list[int] = []
        share = asyncio.run(_looked_at(pid, port, counts, viewers=viewers, interval=interval, seconds=seconds))
    return Load(viewers, share - idle, idle, min(counts), seconds // interval)


async def _looked_at(pid: int, port: int, counts: list[int], *, viewers: int, interval: int, seconds: int) -> float:
    seen = [0] * viewers
    async with asyncio.TaskGroup() as tasks:
        looking = []
        for number in range(viewers):
            begun = asyncio.Event()
            looking.append(tasks.create_task(_look(port, seen, number, interval, begun)))
            # One after the other: this measures how many look, not how many come at once.
            async with asyncio.timeout(START_SECONDS):
                await begun.wait()
        before = list(seen)
        share = await _share(pid, seconds)
        counts += [after - start for after, start in zip(seen, before, strict=True)]
        for task in looking:
            task.cancel()
    return share


async def _look(port: int, seen: list[int], number: int, interval: int, begun: asyncio.Event) -> None:
    """A bare socket: a client that parses would cost more than the server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    request = f"GET {STREAM}?interval={interval} HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    writer.write(request.encode())
    try:
        while line := await reader.readline():
            if line.startswith(b"data: "):
                seen[number] += 1
                begun.set()
    finally:
        writer.close()
    raise RuntimeError("The server has ended a stream.")


async def _share(pid: int, seconds: int) -> float:
    before, started = _processor_seconds(pid), time.perf_counter()
    await asyncio.sleep(seconds)
    return (_processor_seconds(pid) - before) / (time.perf_counter() - started)


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _process(url: str, environment: str) -> Iterator[tuple[int, int]]:
    port = free_port()
    variables = {
        "DATABASE_URL": url,
        "CROSSFADE_ENVIRONMENT": environment,
        "CROSSFADE_ADMIN_TOKEN": TOKEN,
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
    }
    command = [sys.executable, "-m", "api", "--port", str(port)]
    child = subprocess.Popen(command, env={**os.environ, **variables}, stdout=sys.stderr, stderr=subprocess.DEVNULL)
    try:
        _wait(child, port)
        yield child.pid, port
    finally:
        child.terminate()
        child.wait()


def _wait(child: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/api/migration/health", timeout=5)
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        return
    raise RuntimeError("The API did not start.")
