import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.answers import Answer, Malformed
from examples.airports.components.page_cache import PageCache
from examples.airports.components.utilities_concurrency_adapter import (
    LIMIT,
    AnyioDesk,
    Catalogue,
    Desk,
    HandMadeDesk,
    HandMadeLimit,
    build,
    differences,
    read,
)
from examples.airports.directory import Directory

DESKS = [HandMadeDesk, AnyioDesk]


@pytest.fixture
def catalogue(airports_engine: AsyncEngine) -> Catalogue:
    return Catalogue(airports_engine)


@pytest.fixture(params=DESKS)
def desk(request: pytest.FixtureRequest, catalogue: Catalogue) -> Desk:
    make: Callable[[Catalogue, PageCache], Desk] = request.param
    return make(catalogue, PageCache())


async def test_never_more_than_the_limit_are_looked_up_at_once(
    desk: Desk, catalogue: Catalogue, directory: Directory
) -> None:
    codes = [airport.icao for airport in directory.airports[:60]]
    boards = await asyncio.gather(*(desk.look_up(codes[start : start + 6]) for start in range(0, 60, 6)))
    assert catalogue.fetched == 60
    assert catalogue.most_at_once == max(board.most_at_once for board in boards) == LIMIT
    assert sorted(code for board in boards for code in board.cards) == codes


async def test_all_who_want_a_card_at_once_share_one_look_up(desk: Desk, catalogue: Catalogue) -> None:
    boards = await asyncio.gather(*(desk.look_up(["FRA"]) for _ in range(20)))
    assert {board.cards["FRA"]["icao"] for board in boards} == {"EDDF"}
    assert catalogue.fetched == 1


async def test_who_gives_up_leaves_the_limit_and_the_others_alone(desk: Desk, catalogue: Catalogue) -> None:
    codes = ["EDDF", "EDDM", "KJFK", "LSZH", "EGLL", "LFPG", "EHAM", "LOWW"]
    given_up = [asyncio.create_task(desk.look_up(codes)) for _ in range(3)]
    staying = asyncio.create_task(desk.look_up(codes))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for task in given_up:
        task.cancel()
    board = await staying
    for task in given_up:
        with suppress(asyncio.CancelledError):
            await task
    assert [board.cards[code]["icao"] for code in codes] == codes
    assert catalogue.at_once == 0
    assert catalogue.most_at_once <= LIMIT


async def test_a_limit_by_hand_gives_its_place_on_when_its_owner_is_cancelled() -> None:
    limit, order = HandMadeLimit(1), list[str]()

    async def enter(name: str) -> None:
        async with limit.entered():
            order.append(name)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(enter(name)) for name in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await enter("d")
    assert order == ["a", "c", "d"]


async def test_a_board_shows_cards_in_order_what_is_missing_and_the_highest(
    airports_engine: AsyncEngine, directory: Directory
) -> None:
    component = build(airports_engine, directory)
    for side in (component.legacy, component.candidate):
        body = (await side({"codes": "jfk, QQQ9,zrh,FRA"})).body
        assert [card["icao"] for card in body["airports"]] == ["KJFK", "LSZH", "EDDF"]  # type: ignore[attr-defined]
        assert (body["missing"], body["highest"]) == (["QQQ9"], "LSZH")


async def test_the_cards_that_are_kept_count_as_memory(airports_engine: AsyncEngine, directory: Directory) -> None:
    component = build(airports_engine, directory)
    assert component.memory["candidate"].usage() == 0
    await component.candidate({"codes": "FRA,JFK"})
    assert 0 < component.memory["candidate"].usage() < 0.01
    assert component.memory["legacy"].usage() == 0


@pytest.mark.parametrize(
    "codes", ["", " ", "FRA,", "FRA;JFK", "FRANK", "FR", "\uff26\uff32\uff21", ",".join(["FRA"] * 9)]
)
def test_codes_that_make_no_sense_are_refused(codes: str) -> None:
    with pytest.raises(Malformed):
        read({"codes": codes})


def _board(cards: Sequence[str], most_at_once: int) -> Answer:
    shown = [{"icao": icao} for icao in cards]
    return Answer({"airports": shown, "missing": [], "highest": cards[0], "mostAtOnce": most_at_once})


def test_candidate_may_look_up_fewer_at_once_but_never_more_than_the_limit() -> None:
    legacy = _board(["EDDF"], 4)
    assert differences(legacy, _board(["EDDF"], 1)) == []
    assert differences(legacy, _board(["EDDF"], LIMIT + 1)) == ["mostAtOnce"]
    assert differences(legacy, _board(["EDDM"], 1)) == ["airports", "highest"]
