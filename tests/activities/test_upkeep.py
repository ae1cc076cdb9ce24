import asyncio
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.upkeep import upkeep
from store import answers, outbox
from tests.metering import batch, begun, ingest, rows, stepped, summary


async def left(engine: AsyncEngine) -> tuple[int, int, int]:
    async with engine.connect() as connection:
        messages = (await connection.execute(text("select count(*) from outbox where name = 'old'"))).scalar_one()
        answered = (await connection.execute(text("select count(*) from first_answers"))).scalar_one()
        return len(await rows(connection)), messages, answered


async def test_the_upkeep_makes_samples_one_and_forgets_messages_and_answers_until_it_is_stopped(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as connection:
        run = await stepped(connection, await begun(connection))
        for _ in range(3):
            await ingest(connection, batch(summary(count=1, revision=run.revision or 0)))
        await connection.execute(text("update migration_metrics set bucket = bucket - interval '1 minute'"))
        message: dict[str, Any] = {"environment": "test", "workflow_id": "w", "kind": "signal", "payload": {}}
        await outbox.enqueue(connection, name="old", **message)
        (waiting,) = await outbox.take(connection)
        await outbox.delivered(connection, [waiting.id])
        await connection.execute(text("update outbox set delivered_at = delivered_at - interval '8 days'"))
        await answers.keep(connection, environment="test", key="k", digest="d", answer={})
        await connection.execute(text("update first_answers set answered_at = answered_at - interval '2 days'"))
    stop = asyncio.Event()
    keeping = asyncio.create_task(upkeep(engine, stop))
    async with asyncio.timeout(20):
        while await left(engine) != (1, 0, 0):  # noqa: ASYNC110 - what is waited for happens in the database
            await asyncio.sleep(0.05)
    stop.set()
    async with asyncio.timeout(20):
        await keeping
