"""What a worker does beside everything else, so that no table grows faster than it must.

Nothing waits for it and nothing depends on it: when it fails, it is tried again later.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import store.answers
import store.clients
import store.compaction
import store.control
import store.metrics
import store.outbox
import store.replicas
from store.engine import AsyncEngine

SERIES_AT_ONCE: Final = 300
BEAT: Final = 5.0  # seconds from one look to the next
OUTBOX_KEPT: Final = timedelta(days=7)  # longer than anybody repeats a request
CALLERS_KEPT: Final = timedelta(days=7)  # a stop names who may still serve candidate for that long
PRUNED_AT_ONCE: Final = 1000

log = logging.getLogger("crossfade.upkeep")


@dataclass(frozen=True, slots=True)
class Round:
    """Which samples are made one: those between two ages, in slots of a width, every so often."""

    every: timedelta
    youngest: timedelta
    oldest: timedelta
    width: timedelta


SECOND = timedelta(seconds=1)
ROUNDS: Final = (
    # A client reports a bucket while it is open, and for a moment longer.
    Round(every=10 * SECOND, youngest=20 * SECOND, oldest=90 * SECOND, width=10 * SECOND),
    # Samples may come up to 15 minutes late.
    Round(every=300 * SECOND, youngest=20 * SECOND, oldest=1500 * SECOND, width=10 * SECOND),
    # The longest window of a threshold is a day; older samples are only ever added up.
    Round(every=timedelta(hours=1), youngest=timedelta(hours=26), oldest=timedelta(hours=30), width=timedelta(hours=1)),
)


async def upkeep(engine: AsyncEngine, stop: asyncio.Event) -> None:
    """Tidy until `stop` is set."""
    due = dict.fromkeys(ROUNDS, 0.0)
    while not stop.is_set():
        now = asyncio.get_running_loop().time()
        try:
            for each in [each for each in ROUNDS if due[each] <= now]:
                due[each] = now + each.every.total_seconds()
                await compact(engine, each)
            await prune(engine)
        except Exception:  # the edge of a task: what could not be tidied now is tidied later
            log.exception("the upkeep failed")
        try:
            async with asyncio.timeout(BEAT):
                await stop.wait()
        except TimeoutError:
            continue


async def compact(engine: AsyncEngine, each: Round) -> int:
    """Make the samples of a round one; how many rows were replaced."""
    async with engine.begin() as connection:
        now = await store.control.now(connection)
        ids = await store.compaction.series(connection)
    since, before = (_slot(now - age, each.width) for age in (each.oldest, each.youngest))
    replaced = 0
    for first in range(0, len(ids), SERIES_AT_ONCE):
        async with engine.begin() as connection:
            replaced += await store.compaction.compact(
                connection, series_ids=ids[first : first + SERIES_AT_ONCE], since=since, before=before, width=each.width
            )
    return replaced


async def prune(engine: AsyncEngine) -> int:
    """Forget old messages and answers, ids of batches that cannot come again, and callers that are silent; how many."""
    async with engine.begin() as connection:
        messages = await store.outbox.prune(connection, older=OUTBOX_KEPT, limit=PRUNED_AT_ONCE)
        batches = await store.metrics.forget_batches(connection, limit=PRUNED_AT_ONCE)
        answers = await store.answers.forget(connection)
        replicas = await store.replicas.forget(connection, older=CALLERS_KEPT)
        clients = await store.clients.forget(connection, older=CALLERS_KEPT)
    return messages + batches + answers + replicas + clients


def _slot(moment: datetime, width: timedelta) -> datetime:
    seconds = width.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)
