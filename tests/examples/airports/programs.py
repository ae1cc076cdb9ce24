"""The application and its traffic as processes of their own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def running(module: str, *arguments: str, port: int, environ: Mapping[str, str]) -> AsyncIterator[str]:
    """A module as a program; the address at which it answers. It must end in good order, without a word."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-m",
        module,
        *("--port", str(port), *arguments),
        cwd=ROOT,
        env={**os.environ, **environ},
        stderr=asyncio.subprocess.PIPE,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await eventually(lambda: _answers(url), process=process)
        yield url
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
    assert errors == b"", errors.decode()
    assert process.returncode in {0, -signal.SIGTERM}


async def eventually(
    is_so: Callable[[], Awaitable[bool]], *, seconds: float = 60, process: asyncio.subprocess.Process | None = None
) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(seconds):
        while not await is_so():
            if process is not None and process.returncode is not None:
                assert process.stderr is not None
                raise AssertionError((await process.stderr.read()).decode())
            await asyncio.sleep(0.05)


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/healthz") as answer:
            return answer.ok
    except aiohttp.ClientError:
        return False
