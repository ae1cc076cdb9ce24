"""A subscriber of the stream of changes, who loses the connection now and then and comes back for what it missed."""

import json
from collections.abc import Mapping
from typing import cast

from examples.airports.traffic.lines import Broken, Line, RawLine, open_raw
from examples.airports.traffic.target import Target

MESSAGES_A_CONNECTION = 4
"""So many messages until the connection is lost; it is closed in good order, as by a device that goes to sleep."""


class Subscriber:
    """Goes on from what it knows: the region of its first subscription, the session, the last number, the boards.

    A message that is no subscription (somebody with other intentions) is sent as it is and changes nothing.
    """

    def __init__(self, target: Target, person: str) -> None:
        self.boards: Mapping[str, object] = {}
        self._target = target
        self._person = person
        self._line: RawLine | None = None
        self._sent = 0
        self._kind = "subscribe"
        self._known: Mapping[str, object] = {}

    async def look_up(self, message: str) -> Mapping[str, object]:
        """Ask for what is new since the last time; for everything that is watched, when this is the first."""
        if self._sent >= MESSAGES_A_CONNECTION:
            await self.lose()
        try:
            return await self._ask(message)
        except Broken:
            await self.lose()
            return await self._ask(message)

    async def connected(self) -> RawLine:
        """The connection, opened when there is none."""
        if self._line is None:
            self._line = await open_raw(self._target, "/changes/ws", self._person)
        return self._line

    async def lose(self) -> None:
        """Lose the connection; the next message opens another one."""
        line, self._line, self._sent = self._line, None, 0
        if self._known:
            self._kind = "resume"
        if line is not None:
            await line.close()

    async def close(self) -> None:
        """Say good-bye."""
        await self.lose()

    async def _ask(self, message: str) -> Mapping[str, object]:
        line = await self.connected()
        self._sent += 1
        asked = json.loads(message)
        if not isinstance(asked, dict) or asked.get("kind") != "subscribe":
            return await line.look_up(message)
        answer = await line.look_up(json.dumps({**asked, **self._known, "kind": self._kind}))
        if "until" in answer:
            self._learn(answer)
        return answer

    def _learn(self, answer: Mapping[str, object]) -> None:
        if "snapshot" in answer:
            self.boards = cast("Mapping[str, object]", answer["snapshot"])
        else:
            changes = cast("list[Mapping[str, object]]", answer["changes"])
            before = self.boards if answer["after"] else {}
            self.boards = {**before, **{str(change["airport"]): change for change in changes}}
        session = answer.get("session", "")
        self._known = {"region": answer["region"], "after": answer["until"], "session": session}
        self._kind = "more"


async def open_subscriber(target: Target, person: str) -> Line:
    """A subscriber with its first connection."""
    subscriber = Subscriber(target, person)
    await subscriber.connected()
    return subscriber
