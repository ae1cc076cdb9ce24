"""A steady stream of questions to the application, most of them to what is ramping."""

import asyncio
import logging
from collections.abc import Mapping
from random import Random

from examples.airports.traffic.aim import shares
from examples.airports.traffic.callers import Callers
from examples.airports.traffic.questions import LINES, PATHS, Questions
from examples.airports.traffic.target import GONE, Target

log = logging.getLogger(__name__)

MOST_OPEN = 50  # people wait for an answer before they ask again; a busy machine is asked less, not later
_AIM_SECONDS = 1.0
_BEHIND_SECONDS = 0.05
_RETRY_SECONDS = 0.25


class Generator:
    """Asks at a rate until it is paused or ended; it never leaves a request without its answer."""

    def __init__(self, target: Target, *, rate: float, seed: int | None = None) -> None:
        self._target = target
        self._rate = rate
        self._random = Random(seed)
        self._questions = Questions(self._random)
        self._callers = {
            name: Callers(name, opener, target=target, questions=self._questions, random=self._random)
            for name, opener in LINES.items()
        }
        self._shares: Mapping[str, float] = shares(())
        self._open: set[asyncio.Task[None]] = set()
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, or go on after a pause."""
        if not self._running:
            self._running = [asyncio.create_task(self._aim()), asyncio.create_task(self._ask())]

    async def pause(self) -> None:
        """Ask nothing more and wait for the answers that are open: then the counts stand still."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running = []
        await asyncio.gather(*(callers.end() for callers in self._callers.values()))
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _aim(self) -> None:
        while True:
            try:
                self._shares = shares(await self._target.ramping())
                for name, callers in self._callers.items():
                    callers.aim(self._rate * self._shares[name])
            except GONE:
                self._target.lost()
            await asyncio.sleep(_AIM_SECONDS if self._target.is_there else _RETRY_SECONDS)

    async def _ask(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            await self._target.there()
            # After a stall the traffic goes on at its rate; a burst would be measured as latency of the sides.
            asked = self._rate * sum(self._shares[name] for name in PATHS)
            due = max(due + 1 / asked, clock() - _BEHIND_SECONDS)
            await asyncio.sleep(max(0.0, due - clock()))
            if len(self._open) < MOST_OPEN:
                self._ask_one()

    def _ask_one(self) -> None:
        weights = [self._shares[name] for name in PATHS]
        (component,) = self._random.choices(tuple(PATHS), weights)
        question = self._questions.ask(component)
        task = asyncio.create_task(self._target.ask(question, self._questions.person()))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
