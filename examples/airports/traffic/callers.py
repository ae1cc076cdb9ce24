"""People on live connections: each opens one for some seconds, asks about airports, and closes it in good order."""

import asyncio
from contextlib import suppress
from math import ceil
from random import Random
from typing import cast

from socketio.exceptions import SocketIOError

from examples.airports.traffic.asking.asked import Opener
from examples.airports.traffic.lines import Line, Moved
from examples.airports.traffic.questions import Questions
from examples.airports.traffic.target import GONE, Target

MESSAGES_A_SECOND = 4.0
_SECONDS_OPEN = (3.0, 6.0)
_RETRY_SECONDS = 0.25
_BROKEN = (*GONE, SocketIOError, Moved)


class Callers:
    """As many callers of one component as it takes for a rate of messages."""

    def __init__(self, component: str, opener: Opener, *, target: Target, questions: Questions, random: Random) -> None:
        self._component = component
        self._open = opener
        self._target = target
        self._questions = questions
        self._random = random
        self._rate = 0.0
        self._callers: list[asyncio.Task[None]] = []
        self._is_ending = False

    def aim(self, rate: float) -> None:
        """So many messages a second from now on."""
        self._rate = rate
        self._callers = [caller for caller in self._callers if not caller.done()]
        for place in range(len(self._callers), self._wanted):
            self._callers.append(asyncio.create_task(self._call_on(place)))

    async def end(self) -> None:
        """Let everybody finish the current message and close."""
        self._is_ending = True
        await asyncio.gather(*self._callers, return_exceptions=True)
        self._callers, self._is_ending = [], False

    @property
    def _wanted(self) -> int:
        return ceil(self._rate / MESSAGES_A_SECOND)

    def _goes_on(self, place: int) -> bool:
        return place < self._wanted and not self._is_ending

    async def _call_on(self, place: int) -> None:
        person = self._questions.person()
        while self._goes_on(place):
            if not self._target.is_there:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            try:
                line = await self._open(self._target, person)
            except Moved:
                continue
            except _BROKEN:
                self._target.lost()
                continue
            try:
                await self._talk(line, place)
                person = self._questions.person()
            except Moved:
                pass
            except _BROKEN:  # the connection, not the application: whether that is there shows when the next one opens
                await asyncio.sleep(_RETRY_SECONDS)
            finally:
                with suppress(*_BROKEN):
                    await line.close()

    async def _talk(self, line: Line, place: int) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + self._random.uniform(*_SECONDS_OPEN)
        due = clock() + self._random.random() / MESSAGES_A_SECOND
        while clock() < until and self._goes_on(place):
            await asyncio.sleep(max(0.0, due - clock()))
            due += self._wanted / self._rate if self._rate else 1 / MESSAGES_A_SECOND
            answer = await line.look_up(self._questions.ask(self._component).params["message"])
            variant, revision = str(answer["variant"]), cast("int", answer["revision"])
            self._target.counts.add(self._component, variant, revision=revision, failed=bool(answer["failed"]))
