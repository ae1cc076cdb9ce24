"""First answers: kept for their keys, and forgotten after a day."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import KeyReused
from store import answers
from tests.builders import ENVIRONMENT

MINE = {"environment": ENVIRONMENT, "key": "api/stop/4711", "digest": "one"}


async def test_a_key_has_the_answer_that_it_has_had_and_no_other_order(connection: AsyncConnection) -> None:
    assert await answers.find(connection, **MINE) is None
    await answers.keep(connection, **MINE, answer={"epoch": 7})
    assert await answers.find(connection, **MINE) == {"epoch": 7}
    with pytest.raises(KeyReused):
        await answers.find(connection, **MINE | {"digest": "other"})


async def test_an_answer_is_forgotten_after_a_day(connection: AsyncConnection) -> None:
    await answers.keep(connection, **MINE, answer={"epoch": 7})
    await connection.execute(text("update first_answers set answered_at = answered_at - interval '23 hours'"))
    assert await answers.forget(connection) == 0
    await connection.execute(text("update first_answers set answered_at = answered_at - interval '2 hours'"))
    assert await answers.forget(connection) == 1
    assert await answers.find(connection, **MINE) is None
