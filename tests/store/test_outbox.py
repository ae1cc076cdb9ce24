from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store import outbox
from store.outbox import Message, Order
from store.tables import outbox as outbox_table
from tests.builders import ENVIRONMENT


async def enqueue(connection: AsyncConnection, name: str = "pause", workflow: str = "w", **changes: Any) -> None:
    values: dict[str, Any] = {"kind": "signal", "payload": {"actor": "ann"}, **changes}
    await outbox.enqueue(connection, environment=ENVIRONMENT, workflow_id=workflow, name=name, **values)


def names(messages: tuple[Message, ...]) -> list[str]:
    return [message.name for message in messages]


async def deliver_all(connection: AsyncConnection) -> list[str]:
    delivered = []
    while messages := await outbox.take(connection):
        await outbox.delivered(connection, [message.id for message in messages])
        delivered += names(messages)
    return delivered


async def test_messages_of_one_workflow_are_delivered_one_after_the_other(connection: AsyncConnection) -> None:
    for name in ("first", "second", "third"):
        await enqueue(connection, name)
    await enqueue(connection, "other", workflow="v")
    assert names(await outbox.take(connection)) == ["first", "other"]
    assert await deliver_all(connection) == ["first", "other", "second", "third"]


async def test_a_delivered_message_is_not_taken_again(connection: AsyncConnection) -> None:
    await enqueue(connection)
    (message,) = await outbox.take(connection)
    await outbox.delivered(connection, [message.id])
    assert await outbox.take(connection) == ()
    assert await outbox.waiting(connection, environment=ENVIRONMENT) == 0


async def test_one_request_id_is_one_message(connection: AsyncConnection) -> None:
    await enqueue(connection, request_id="same")
    await enqueue(connection, request_id="same")
    assert await outbox.waiting(connection, environment=ENVIRONMENT) == 1


async def test_a_failed_message_comes_again_later_and_does_not_hold_up_the_next(connection: AsyncConnection) -> None:
    await enqueue(connection, "poison")
    await enqueue(connection, "emergency_stop")
    (message,) = await outbox.take(connection)
    await outbox.failed(connection, message.id, error="no answer\0")
    assert names(await outbox.take(connection)) == ["emergency_stop"]
    await connection.execute(text("update outbox set available_at = now() - interval '1 second'"))
    again = (await outbox.take(connection))[0]
    assert (again.name, again.attempts) == ("poison", 1)


async def test_of_pausing_and_going_on_the_last_word_is_delivered_last(connection: AsyncConnection) -> None:
    for name in ("resume", "hold", "pause", "emergency_stop"):
        await enqueue(connection, name)
    (message,) = await outbox.take(connection)
    await outbox.failed(connection, message.id, error="no answer")
    assert await deliver_all(connection) == ["emergency_stop"]
    await connection.execute(text("update outbox set available_at = now() - interval '1 second'"))
    assert await deliver_all(connection) == ["resume", "hold", "pause"]


async def test_a_signal_waits_for_the_start_of_its_workflow(connection: AsyncConnection) -> None:
    await enqueue(connection, "Migration", kind="start")
    await enqueue(connection, "emergency_stop")
    (message,) = await outbox.take(connection)
    await outbox.failed(connection, message.id, error="no answer")
    assert await outbox.take(connection) == ()


async def test_waiting_grows_to_ten_seconds(connection: AsyncConnection) -> None:
    await enqueue(connection)
    waits = []
    for _ in range(9):
        (message,) = await outbox.take(connection)
        await outbox.failed(connection, message.id, error="no answer")
        later = "select extract(epoch from available_at - clock_timestamp()) from outbox"
        waits.append(round(float((await connection.execute(text(later))).scalar_one()), 1))
        await connection.execute(text("update outbox set available_at = now()"))
    assert waits == sorted(waits)
    assert 9 < waits[-1] <= 10


async def test_only_the_newest_of_replacing_messages_is_kept(connection: AsyncConnection) -> None:
    await enqueue(connection, "pause")
    await enqueue(connection, "observe", workflow="other")
    for number in range(2):
        observed = Order(ENVIRONMENT, "w", "signal", "observe", {"n": number})
        await outbox.replace_all(connection, [observed, replace(observed, workflow_id="v", request_id=f"v{number}")])
    kept = select(outbox_table.c.workflow_id, outbox_table.c.name, outbox_table.c.payload).order_by(outbox_table.c.id)
    assert [tuple(row) for row in await connection.execute(kept)] == [
        ("w", "pause", {"actor": "ann"}),
        ("other", "observe", {"actor": "ann"}),
        ("w", "observe", {"n": 1}),
        ("v", "observe", {"n": 1}),
    ]


async def test_messages_delivered_long_ago_are_forgotten(connection: AsyncConnection) -> None:
    for name in ("old", "recent", "waiting"):
        await enqueue(connection, name, workflow=name)
    await connection.execute(text("update outbox set delivered_at = now() where name <> 'waiting'"))
    await connection.execute(text("update outbox set delivered_at = now() - interval '8 days' where name = 'old'"))
    await connection.execute(text("update outbox set created_at = now() - interval '8 days'"))
    assert await outbox.prune(connection, older=timedelta(days=7), limit=10) == 1
    assert (await connection.execute(select(outbox_table.c.name).order_by("id"))).scalars().all() == [
        "recent",
        "waiting",
    ]


async def test_two_relays_never_take_the_same_message(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await enqueue(connection, "a", workflow="a")
        await enqueue(connection, "b", workflow="b")
    async with engine.begin() as one, engine.begin() as other:
        assert names(await outbox.take(one, limit=1)) == ["a"]
        assert names(await outbox.take(other)) == ["b"]


async def test_a_message_being_delivered_holds_up_the_next_of_its_workflow(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await enqueue(connection, "first")
        await enqueue(connection, "second")
    async with engine.begin() as one, engine.begin() as other:
        assert names(await outbox.take(one)) == ["first"]
        assert await outbox.take(other) == ()
