"""Many clients confirm at once: one transaction for those who ask while another lasts."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from api.confirmations import Confirmations
from api.database import Database
from store import clients
from store.clients import Confirmed


@pytest.fixture
async def commits(engine: AsyncEngine) -> AsyncIterator[list[int]]:
    """One entry for each commit of the engine."""
    found: list[int] = []

    def note(_: object) -> None:
        found.append(1)

    event.listen(engine.sync_engine, "commit", note)
    yield found
    event.remove(engine.sync_engine, "commit", note)


def confirmed(number: int, epoch: int = 0) -> Confirmed:
    return Confirmed(client_id=f"app-{number:03}", revision=number, epoch=epoch)


async def test_who_asks_at_once_shares_a_transaction(engine: AsyncEngine, environment: str, commits: list[int]) -> None:
    taken = Confirmations(Database(engine), environment=environment, replica="r-1")

    answers = await asyncio.gather(*(taken.record(confirmed(number)) for number in range(100)))

    assert answers == [True] * 100
    assert len(commits) == 1
    async with engine.connect() as connection:
        seen = await clients.list(connection, environment=environment)
    assert [(one.client_id, one.revision, one.replica) for one in seen] == [
        (f"app-{number:03}", number, "r-1") for number in range(100)
    ]


async def test_who_asks_meanwhile_is_recorded_next(engine: AsyncEngine, environment: str, commits: list[int]) -> None:
    taken = Confirmations(Database(engine), environment=environment, replica="r-1")

    first = asyncio.create_task(taken.record(confirmed(1)))
    await asyncio.sleep(0)  # it has been asked
    await asyncio.sleep(0)  # it is on its way
    others = [asyncio.create_task(taken.record(confirmed(number))) for number in (2, 3)]

    assert await asyncio.gather(first, *others) == [True] * 3
    assert len(commits) == 2


async def test_a_client_that_asks_twice_is_recorded_as_it_asked_last(engine: AsyncEngine, environment: str) -> None:
    taken = Confirmations(Database(engine), environment=environment, replica="r-1")

    answers = await asyncio.gather(taken.record(confirmed(1)), taken.record(confirmed(1, epoch=7)))

    assert all(answers)
    async with engine.connect() as connection:
        (seen,) = await clients.list(connection, environment=environment)
    assert seen.epoch == 7


async def test_what_cannot_be_recorded_spoils_no_later_one(engine: AsyncEngine, environment: str) -> None:
    taken = Confirmations(Database(engine), environment=environment, replica="r-1")
    senseless = Confirmed(client_id="app-1", revision=2**70, epoch=0)

    assert not await taken.record(senseless)
    assert await taken.record(confirmed(2))


async def test_a_caller_that_leaves_takes_nobody_with_it(engine: AsyncEngine, environment: str) -> None:
    taken = Confirmations(Database(engine), environment=environment, replica="r-1")

    leaving, staying = (asyncio.create_task(taken.record(confirmed(number))) for number in (1, 2))
    await asyncio.sleep(0)
    leaving.cancel()

    assert await staying
    assert leaving.cancelled()
