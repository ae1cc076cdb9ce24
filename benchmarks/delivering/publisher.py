"""Changes of a flag, each with the instant at which its commit was sent."""

import asyncio
import time
from decimal import Decimal
from random import Random

from benchmarks.delivering.stack import ENVIRONMENT
from store import flags
from store.engine import AsyncEngine, create_engine
from store.flags import Change

FLAG = "delivered"


def publish(database_url: str, *, changes: int, apart: tuple[float, float]) -> dict[int, float]:
    """Change the flag so many times, that many seconds apart; revision -> instant, by the machine's monotonic clock."""

    async def all_() -> dict[int, float]:
        engine = create_engine(database_url, pool_size=1)
        random = Random(1)
        commits = {}
        for number in range(changes):
            revision, instant = await _change(engine, number)
            commits[revision] = instant
            await asyncio.sleep(random.uniform(*apart))
        await engine.dispose()
        return commits

    return asyncio.run(all_())


async def _change(engine: AsyncEngine, number: int) -> tuple[int, float]:
    async with engine.connect() as connection:
        # 0 to 100 in turn, so that each differs from the one before.
        change = Change(enabled=True, percentage=Decimal(number % 101))
        flag = await flags.put(
            connection, environment=ENVIRONMENT, name=FLAG, change=change, actor="bench", reason="measured"
        )
        instant = time.monotonic()
        await connection.commit()
    return flag.revision, instant
