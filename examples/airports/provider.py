"""A provider of departure boards, as another company would run it: a Socket.IO service at an address of its own.

What is on a board depends on the airport and the time of day alone, so that two clients that ask the same are told the
same. It answers `board` events; what it refuses, it says in the acknowledgement.
"""

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from random import Random

import socketio
from aiohttp import web

from examples.airports.directory import Airport, Directory

SLOTS = range(96)
"""Quarters of an hour of a day."""
SOCKET_PATH = "provider/socket.io"
EVENT = "board"
_FLIGHTS = range(3, 9)
_AIRLINES = ("AF", "BA", "DL", "EK", "JL", "KL", "LH", "LX", "NZ", "QF", "SQ", "UA")
_STATES = ("on time", "on time", "on time", "boarding", "delayed", "cancelled")


class Provider:
    """Starts at the first question for its address."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._destinations: Sequence[Airport] = [airport for airport in directory.airports if airport.importance > 1]
        self._server = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins=[])
        self._server.on(EVENT, self._told)
        self._starting = asyncio.Lock()
        self._runner: web.AppRunner | None = None

    async def url(self) -> str:
        """Where it answers; it listens on this machine only, at a port that is free."""
        async with self._starting:
            if self._runner is None:
                application = web.Application()
                self._server.attach(application, socketio_path=SOCKET_PATH)
                runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
                await runner.setup()
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                self._runner = runner
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    def cut(self, sid: str) -> None:
        """Break a connection off as a broken cable would."""
        if environ := self._server.get_environ(sid):
            environ["aiohttp.request"].transport.abort()

    async def close(self) -> None:
        """Answer nobody any more."""
        if self._runner is not None:
            await self._server.shutdown()
            await self._runner.cleanup()
            self._runner = None

    def board(self, airport: Airport, slot: int) -> Mapping[str, object]:
        """The departures of a quarter of an hour."""
        random = Random(blake2b(f"{airport.icao}/{slot}".encode()).digest())
        minutes = sorted(random.randrange(15) for _ in range(random.choice(_FLIGHTS)))
        return {"airport": airport.icao, "slot": slot, "flights": [self._flight(random, slot, it) for it in minutes]}

    def _flight(self, random: Random, slot: int, minute: int) -> Mapping[str, object]:
        hour, quarter = divmod(slot, 4)
        return {
            "flight": f"{random.choice(_AIRLINES)}{random.randint(10, 9999)}",
            "to": random.choice(self._destinations).icao,
            "at": f"{hour:02d}:{quarter * 15 + minute:02d}",
            "gate": f"{random.choice('ABCD')}{random.randint(1, 60)}",
            "state": random.choice(_STATES),
        }

    async def _told(self, _sid: str, question: object) -> Mapping[str, object]:
        if not isinstance(question, dict) or not isinstance(question.get("airport"), str):
            return {"refused": "malformed"}
        slot = question.get("slot")
        if type(slot) is not int or slot not in SLOTS:
            return {"refused": "malformed"}
        airport = self._directory.find(question["airport"])
        return self.board(airport, slot) if airport else {"refused": "unknown"}
