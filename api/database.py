"""Postgres as a request sees it: one transaction, a time limit, and a 503 while it is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.problems import Problem, Refused
from store.engine import AsyncConnection, AsyncEngine, greet

TRANSACTION_SECONDS = 5.0
# Classes of SQLSTATE: connection, authorization, no such database, insufficient resources, operator intervention
# (shutdown, statement timeout).
_OUTAGE_CLASSES = frozenset({"08", "28", "3D", "53", "57"})
# A standby, as a failover leaves behind; a schema that is not there yet.
_OUTAGE_STATES = frozenset({"25006", "42P01"})


class Database:
    """The engine, opened for one transaction at a time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @asynccontextmanager
    async def transaction(
        self, seconds: float = TRANSACTION_SECONDS, *, answer: float | None = None
    ) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits at the end of the block and rolls back on any error.

        Args:
            seconds: How long it may take.
            answer: How many of these seconds Postgres has to say anything at all, where that is less.

        Raises:
            Refused: 503, Postgres does not answer.
        """
        end = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout(answer or seconds) as limit, self.engine.begin() as connection:
                if answer is not None:
                    await greet(connection)
                    limit.reschedule(end)
                yield connection
        except Exception as error:
            # The edge to the driver: it raises a dozen unrelated classes when Postgres goes away.
            if is_outage(error):
                raise Refused(AWAY) from error
            raise


def is_outage(error: BaseException) -> bool:
    """Whether the error says that Postgres is away or not ready, rather than that the request is wrong."""
    if isinstance(error, OSError) or getattr(error, "connection_invalidated", False):
        return True
    state = str(getattr(getattr(error, "orig", error), "sqlstate", None))
    return state in _OUTAGE_STATES or state[:2] in _OUTAGE_CLASSES


AWAY = Problem(
    status=503,
    kind="database-unavailable",
    title="Postgres does not answer.",
    detail="Nothing was changed that was not answered before. Repeat the request; the server reconnects by itself.",
    headers={"Retry-After": "1"},
)
