"""Whose turn it is to look after an environment."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from store import reconciliation


async def test_one_at_a_time_has_the_turn_of_an_environment(engine: AsyncEngine) -> None:
    async with (
        reconciliation.lead(engine, "a") as first,
        reconciliation.lead(engine, "a") as second,
        reconciliation.lead(engine, "b") as other,
    ):
        assert (first is None, second is None, other is None) == (False, True, False)
    async with reconciliation.lead(engine, "a") as next_one:
        assert next_one is not None


async def test_the_turn_of_one_that_is_silent_goes_to_another(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "FROZEN", timedelta(milliseconds=200))

    async def until_taken() -> None:
        while True:
            async with reconciliation.lead(engine, "a") as turn:
                if turn is not None:
                    return

    with pytest.raises(DBAPIError):  # noqa: PT012 - the turn is lost in between
        async with reconciliation.lead(engine, "a") as frozen:
            assert frozen is not None
            async with asyncio.timeout(60):
                await until_taken()
            await frozen.keep()


async def test_one_that_keeps_its_turn_has_it(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "FROZEN", timedelta(seconds=3))
    async with reconciliation.lead(engine, "a") as turn:
        assert turn is not None
        await turn.keep()
        async with reconciliation.lead(engine, "a") as another:
            assert another is None
