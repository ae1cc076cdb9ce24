"""`python -m examples.airports.traffic --app URL --port N`: use the airport directory at a steady rate."""

import argparse
import asyncio
import signal

import aiohttp
from aiohttp import web

from examples.airports.traffic.counts import Counts
from examples.airports.traffic.generator import MOST_OPEN, Generator
from examples.airports.traffic.questions import COMPONENTS
from examples.airports.traffic.target import ANSWER_SECONDS, Target


def main() -> None:
    """Ask until SIGTERM or SIGINT; then wait for the open answers."""
    parser = argparse.ArgumentParser(prog="python -m examples.airports.traffic", description=__doc__)
    parser.add_argument("--app", required=True, help="address of the application")
    parser.add_argument("--port", type=int, required=True, help="where GET /counts is answered")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    parser.add_argument("--seed", type=int, help="ask the same questions again")
    options = parser.parse_args()
    asyncio.run(run(options.app, port=options.port, rate=options.rate, seed=options.seed))


async def run(app: str, *, port: int, rate: float, seed: int | None) -> None:
    """Generate traffic and serve its counts."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=ANSWER_SECONDS)
    connector = aiohttp.TCPConnector(limit=MOST_OPEN + 50)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        counts = Counts(COMPONENTS)
        generator = Generator(Target(app, session, counts), rate=rate, seed=seed)
        runner = web.AppRunner(control(generator, counts), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        generator.start()
        await ended.wait()
        await generator.pause()
        await runner.cleanup()


def control(generator: Generator, counts: Counts) -> web.Application:
    """The generator's own addresses: counts, and a pause in which they stand still."""

    async def get_counts(request: web.Request) -> web.Response:
        since = request.query.get("since", "1")
        return web.json_response(counts.as_json(since=int(since) if since.isdecimal() else 1))

    async def pause(_: web.Request) -> web.Response:
        await generator.pause()
        return web.json_response(counts.as_json())

    async def resume(_: web.Request) -> web.Response:
        generator.start()
        return web.json_response(counts.as_json())

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    application = web.Application()
    application.router.add_get("/counts", get_counts)
    application.router.add_get("/healthz", health)
    application.router.add_post("/pause", pause)
    application.router.add_post("/resume", resume)
    return application


if __name__ == "__main__":
    main()
