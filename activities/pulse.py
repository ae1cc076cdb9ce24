"""A heartbeat beside the work: Temporal learns soon that a worker has died, however long a step of the work takes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity


@asynccontextmanager
async def pulse(seconds: float = 1.0) -> AsyncIterator[None]:
    """Beat every so many seconds for as long as the context lasts."""
    beating = asyncio.create_task(_beat(seconds))
    try:
        yield
    finally:
        beating.cancel()


async def _beat(seconds: float) -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(seconds)
