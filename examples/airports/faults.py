"""Faults that can be switched on, so that anybody can watch an automatic rollback. They act on candidates only."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import TypeAlias

from examples.airports.answers import Answer, Params, Side
from examples.airports.component import Component

SHARE_OF_ERRORS = 0.3
SHARE_OF_WRONG_ANSWERS = 0.2
SHARE_OF_SLOW_CALLS = 0.8
SHARE_OF_BREAKS = 0.1
SLOW_SECONDS = 0.7

Sleep: TypeAlias = Callable[[float], Awaitable[object]]


class Fault(StrEnum):
    """How a candidate is broken."""

    ERRORS = "errors"
    WRONG = "wrong"
    SLOW = "slow"
    MEMORY = "memory"
    DROPS = "drops"


class FaultInjected(Exception):
    """A fault that somebody switched on made this call fail."""


class Unsupported(Exception):
    """The fault makes no sense for this component."""


class Faults:
    """Which candidate is broken how; all of them work at the start."""

    def __init__(
        self, components: Iterable[Component], *, random: Random | None = None, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._components = {component.name: component for component in components}
        self._faults: dict[str, Fault | None] = dict.fromkeys(self._components)
        self._random = random or Random()
        self._sleep = sleep

    @property
    def switched(self) -> Mapping[str, Fault | None]:
        """Every component with its fault."""
        return self._faults

    @property
    def supported(self) -> Mapping[str, Sequence[Fault]]:
        """Every component with the faults that it can have."""
        return {name: _supported(component) for name, component in self._components.items()}

    def switch(self, name: str, fault: Fault | None) -> None:
        """Break this component's candidate, or mend it.

        Raises:
            KeyError: there is no such component.
            Unsupported: the component cannot break like that.
        """
        if fault is not None and fault not in (able := _supported(self._components[name])):
            raise Unsupported(f"{name} can have the faults {', '.join(able)}")
        self._mend(self._components[name])
        self._faults[name] = fault

    def breaks(self, name: str) -> bool:
        """Whether candidate's connection breaks at this message, before anything is answered or counted."""
        return self._faults[name] is Fault.DROPS and self._random.random() < SHARE_OF_BREAKS

    def candidate(self, component: Component) -> Side:
        """The component's candidate as it is now, with its fault if it has one."""

        async def side(params: Params) -> Answer:
            fault, chance = self._faults[component.name], self._random.random()
            if fault is Fault.ERRORS and chance < SHARE_OF_ERRORS:
                raise FaultInjected(component.name)
            if fault is Fault.SLOW and chance < SHARE_OF_SLOW_CALLS:
                await self._sleep(SLOW_SECONDS)
            if fault is Fault.MEMORY:
                component.memory["candidate"].leak()
            answer = await component.candidate(params)
            is_wrong = fault is Fault.WRONG and chance < SHARE_OF_WRONG_ANSWERS
            return component.alter(answer) if is_wrong else answer

        return side

    def _mend(self, component: Component) -> None:
        if memory := component.memory.get("candidate"):
            memory.free()


def _supported(component: Component) -> Sequence[Fault]:
    supported = [Fault.ERRORS, Fault.WRONG, Fault.SLOW]
    if "candidate" in component.memory:
        supported.append(Fault.MEMORY)
    if not component.path:
        supported.append(Fault.DROPS)
    return supported
