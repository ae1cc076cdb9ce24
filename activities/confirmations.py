"""What the clients have confirmed: looked up once for everybody who waits for it in this process."""

import asyncio
from typing import Final

import store.clients
from store.clients import Client
from store.engine import AsyncEngine

LOOK: Final = 0.1  # seconds from one look to the next


class Confirmations:
    """The clients of each environment, as they were at most a look ago.

    A look that is a moment old says of no client that it has confirmed what it has not.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._looks: dict[str, asyncio.Task[tuple[Client, ...]]] = {}
        self._began: dict[str, float] = {}

    async def is_behind(self, environment: str, revision: int) -> bool:
        """Whether a client, seen within its validity, has not confirmed the revision yet."""
        clients = await asyncio.shield(self._look(environment))
        return any(client.revision < revision for client in clients)

    def _look(self, environment: str) -> asyncio.Task[tuple[Client, ...]]:
        now = asyncio.get_running_loop().time()
        last = self._looks.get(environment)
        if last is None or (last.done() and now - self._began[environment] >= LOOK):
            last = self._looks[environment] = asyncio.create_task(self._clients(environment))
            last.add_done_callback(_retrieve)
            self._began[environment] = now
        return last

    async def _clients(self, environment: str) -> tuple[Client, ...]:
        async with self._engine.begin() as connection:
            return await store.clients.list(connection, environment=environment)


def _retrieve(look: asyncio.Task[tuple[Client, ...]]) -> None:
    """Take a failure's notice: everybody who waited for it may have been cancelled meanwhile."""
    if not look.cancelled():
        look.exception()
