"""The flags that are asked for."""

import asyncio
from decimal import Decimal

from benchmarks.delivering.stack import ENVIRONMENT
from crossfade.flags import Conditions
from store import flags
from store.engine import create_engine
from store.flags import Change

PERCENTAGE = 25
NUMBER = 100
GROUPS = ("beta-testers", "staff")


def name(number: int) -> str:
    """The name of a flag."""
    return f"flag-{number:03}"


def publish(database_url: str) -> None:
    """A hundred flags at 25 %, each for two groups of people."""

    async def all_() -> None:
        engine = create_engine(database_url, pool_size=1)
        conditions = Conditions(environment=ENVIRONMENT, user_groups=GROUPS)
        change = Change(enabled=True, percentage=Decimal(PERCENTAGE), conditions=conditions)
        async with engine.connect() as connection:
            for number in range(NUMBER):
                await flags.put(
                    connection,
                    environment=ENVIRONMENT,
                    name=name(number),
                    change=change,
                    actor="bench",
                    reason="measured",
                )
            await connection.commit()
        await engine.dispose()

    asyncio.run(all_())
