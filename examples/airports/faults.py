"""Faults that can be switched on, so that anybody can watch an automatic rollback. They act on candidates only."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import StrEnum
from random import Random
from typing import TypeAlias

from examples.airports.answers import Answer, Params, Side
from examples.airports.component import Component

SHARE_OF_ERRORS = 0.3
SHARE_OF_WRONG_ANSWERS = 0.2
SHARE_OF_SLOW_CALLS = 0.8
SLOW_SECONDS = 0.7

Sleep: TypeAlias = Callable[[float], Awaitable[object]]


class Fault(StrEnum):
    """How a candidate is broken."""

    ERRORS = "errors"
    WRONG = "wrong"
    SLOW = "slow"


class FaultInjected(Exception):
    """A fault that somebody switched on made this call fail."""


class Faults:
    """Which candidate is broken how; all of them work at the start."""

    def __init__(self, names: Iterable[str], *, random: Random | None = None, sleep: Sleep = asyncio.sleep) -> None:
        self._faults: dict[str, Fault | None] = dict.fromkeys(names)
        self._random = random or Random()
        self._sleep = sleep

    @property
    def switched(self) -> Mapping[str, Fault | None]:
        """Every component with its fault."""
        return self._faults

    def switch(self, name: str, fault: Fault | None) -> None:
        """Break this component's candidate, or mend it; KeyError for a name that there is not."""
        self._faults[name] = fault if name in self._faults else self._faults[name]

    def candidate(self, component: Component) -> Side:
        """The component's candidate as it is now, with its fault if it has one."""

        async def side(params: Params) -> Answer:
            fault, chance = self._faults[component.name], self._random.random()
            if fault is Fault.ERRORS and chance < SHARE_OF_ERRORS:
                raise FaultInjected(component.name)
            if fault is Fault.SLOW and chance < SHARE_OF_SLOW_CALLS:
                await self._sleep(SLOW_SECONDS)
            answer = await component.candidate(params)
            is_wrong = fault is Fault.WRONG and chance < SHARE_OF_WRONG_ANSWERS
            return component.alter(answer) if is_wrong else answer

        return side
