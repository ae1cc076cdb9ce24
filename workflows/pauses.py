"""The pauses in force on a migration or a phase, and which of them its children have been told of.

Each level is resumed by itself: the pause of a person on one component outlives that of its phase, and the other way
round. What is told is the state, not the order, so that a child that starts meanwhile misses nothing.
"""

import asyncio
from dataclasses import replace

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.messages import ComponentNote, Control, PauseLevel, PhaseNote, RollBack

ORDERS_KEPT = 100


class Pauses:
    """Who pauses, by level; truthy while anybody does."""

    def __init__(self, given: dict[PauseLevel, Control]) -> None:
        self.here = dict(given)
        self._told: dict[str, set[PauseLevel]] = {}
        self._telling = asyncio.Lock()

    def __bool__(self) -> bool:
        return bool(self.here)

    def begin(self, level: PauseLevel, order: Control) -> None:
        """Pause at a level; a second pause of the same level changes nothing."""
        self.here.setdefault(level, replace(order, level=level))

    def lift(self, level: PauseLevel) -> None:
        """Resume at a level."""
        self.here.pop(level, None)

    async def adopt(self, child: str, given: dict[PauseLevel, Control]) -> None:
        """Take a child that has just started with these pauses, and tell it what has changed since."""
        self._told[child] = set(given)
        await self.share()

    def forget(self, child: str) -> None:
        """Let go of a child that has ended."""
        self._told.pop(child, None)

    async def share(self) -> None:
        """Tell every child what it has not been told, one after the other, so that nothing overtakes."""
        async with self._telling:
            for child in list(self._told):
                await self._tell(child)

    async def _tell(self, child: str) -> None:
        told = self._told.get(child, set())
        for level, order in list(self.here.items()):
            if level not in told:
                told.add(level)
                await signal(child, "pause", order)
        for level in [level for level in told if level not in self.here]:
            told.discard(level)
            await signal(child, "resume", Control(actor="crossfade", level=level))


def words(pauses: dict[PauseLevel, Control]) -> str:
    """Say what pauses wait for, the innermost first."""
    return "; ".join(_words(level, pauses[level]) for level in PauseLevel if level in pauses)


def _words(level: PauseLevel, order: Control) -> str:
    if level is PauseLevel.ROLLBACK:
        return f"a retry or a skip: paused since {order.reason}"
    whose = {PauseLevel.COMPONENT: "", PauseLevel.PHASE: " of its phase", PauseLevel.MIGRATION: " of the migration"}
    because = f": {order.reason}" if order.reason else ""
    return f"resume{whose[level]}: paused by {order.actor}{because}"


def is_new(order: Control, seen: list[str]) -> bool:
    """Whether an order comes for the first time, and remember it: the relay delivers at least once."""
    if not order.order_id:
        return True
    if order.order_id in seen:
        return False
    seen.append(order.order_id)
    del seen[:-ORDERS_KEPT]
    return True


async def signal(receiver: str, name: str, order: Control | RollBack | PhaseNote | ComponentNote) -> None:
    """Tell another workflow; one that has ended needs nothing.

    A cancellation of the sender leaves the signal alone: one that reaches it in the same task as its failure, as when
    somebody terminates the receiver, makes the SDK fail that task for ever ("Invalid transition in state machine").
    """
    await asyncio.shield(_signal(receiver, name, order))


async def _signal(receiver: str, name: str, order: Control | RollBack | PhaseNote | ComponentNote) -> None:
    try:
        await workflow.get_external_workflow_handle(receiver).signal(name, order)
    except ApplicationError:
        workflow.logger.info("%s has ended already and needs no %s", receiver, name)
