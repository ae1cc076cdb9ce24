"""What SDK clients confirm, recorded: those that ask while one transaction lasts share the next."""

import asyncio
import logging

from api.database import Database
from api.problems import Refused
from store import clients
from store.clients import Confirmed

RECORD_SECONDS = 1.0
MOST_AT_ONCE = 500

log = logging.getLogger(__name__)


class Confirmations:
    """The confirmations of one environment that this replica has taken."""

    def __init__(self, database: Database, *, environment: str, replica: str) -> None:
        self._database = database
        self._environment = environment
        self._replica = replica
        self._waiting: dict[str, tuple[Confirmed, asyncio.Future[bool]]] = {}
        self._recording: asyncio.Task[None] | None = None

    async def record(self, confirmed: Confirmed) -> bool:
        """Commit what a client says; whether that is known to have happened."""
        _, recorded = self._waiting.get(confirmed.client_id, (None, None))
        if recorded is None:
            recorded = asyncio.get_running_loop().create_future()
        self._waiting[confirmed.client_id] = confirmed, recorded
        if self._recording is None:
            self._recording = asyncio.create_task(self._record_all(), name="confirmations are recorded")
        # Shielded: it is not this caller's alone.
        return await asyncio.shield(recorded)

    async def _record_all(self) -> None:
        try:
            while self._waiting:
                taken = [self._waiting.pop(client_id) for client_id in list(self._waiting)[:MOST_AT_ONCE]]
                is_recorded = await self._try([confirmed for confirmed, _ in taken])
                for _, recorded in taken:
                    recorded.set_result(is_recorded)
        finally:
            self._recording = None

    async def _try(self, confirmed: list[Confirmed]) -> bool:
        try:
            async with self._database.transaction(RECORD_SECONDS) as connection:
                await clients.confirm_all(
                    connection, environment=self._environment, replica=self._replica, confirmed=confirmed
                )
        except Refused:
            log.warning("%d confirmations could not be recorded; Postgres does not answer", len(confirmed))
            return False
        except Exception:
            # The edge of a task that others wait for: they are not renewed, and ask again.
            log.exception("%d confirmations could not be recorded", len(confirmed))
            return False
        return True
