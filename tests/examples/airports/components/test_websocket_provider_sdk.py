import json
from collections.abc import AsyncIterator

import pytest
from pydantic import ValidationError

from examples.airports.answers import Answer, Malformed
from examples.airports.component import Component
from examples.airports.components.boards import Boards
from examples.airports.components.provider_links import LinkLost
from examples.airports.components.websocket_provider_sdk import (
    WATCHER,
    alter,
    build,
    candidate_answer,
    differences,
    legacy_answer,
    read,
)
from examples.airports.directory import Directory

FRANKFURT = {"message": '{"code": "fra", "slot": 32}'}


@pytest.fixture
async def boards(directory: Directory) -> AsyncIterator[Boards]:
    boards = Boards(directory)
    yield boards
    await boards.close()


@pytest.fixture
def component(boards: Boards) -> Component:
    return build(boards)


async def test_both_clients_give_the_board_of_the_provider(component: Component, directory: Directory) -> None:
    legacy, candidate = await component.legacy(FRANKFURT), await component.candidate(FRANKFURT)
    frankfurt = directory.find("EDDF")
    assert frankfurt is not None
    assert legacy == candidate
    assert candidate.body == Boards(directory).provider.board(frankfurt, 32)


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        ({"code": "QQQ9", "slot": 1}, 404, "unknown-airport"),
        ({"code": "\uff26\uff32\uff21", "slot": 1}, 404, "unknown-airport"),
        ({"code": "FRA", "slot": 96}, 400, "malformed-question"),
        ({"code": "FRA", "slot": True}, 400, "malformed-question"),
        ({"code": "FRA", "slot": 10**30}, 400, "malformed-question"),
        ({"code": "FRA"}, 400, "malformed-question"),
    ],
)
async def test_what_the_provider_refuses_both_refuse(
    component: Component, message: object, status: int, code: str
) -> None:
    params = {"message": json.dumps(message)}
    legacy, candidate = await component.legacy(params), await component.candidate(params)
    assert legacy == candidate
    assert (candidate.status, candidate.body["code"]) == (status, code)


@pytest.mark.parametrize("message", ["", "FRA", "[]", "null", "{}", '{"code": 7}', '{"code": "F R"}', "[" * 5000])
async def test_what_is_no_question_never_reaches_the_provider(message: str) -> None:
    with pytest.raises(Malformed):
        read({"message": message})


@pytest.mark.parametrize("variant", ["legacy", "candidate"])
async def test_a_watcher_whose_connection_broke_is_answered_all_the_same(
    component: Component, boards: Boards, variant: str
) -> None:
    side = component.legacy if variant == "legacy" else component.candidate
    expected = await side(FRANKFURT)
    await boards.attach(variant, "7")
    assert await side({**FRANKFURT, WATCHER: "7"}) == expected
    await boards.cut(variant, "7")
    assert await side({**FRANKFURT, WATCHER: "7"}) == expected


async def test_after_the_end_of_the_provider_a_question_is_lost(component: Component, boards: Boards) -> None:
    await component.candidate(FRANKFURT)
    await boards.provider.close()
    with pytest.raises(LinkLost):
        await component.candidate(FRANKFURT)


def test_candidate_checks_what_it_is_told_where_legacy_trusts() -> None:
    flight = {"flight": "LH400", "to": "KJFK", "at": "08:05", "gate": "B20", "state": "on time"}
    told: dict[str, object] = {"airport": "EDDF", "slot": 32, "flights": [{**flight, "at": 485}]}
    assert legacy_answer(told).status == 200
    with pytest.raises(ValidationError):
        candidate_answer(told)


async def test_every_field_of_the_board_and_of_a_flight_counts(component: Component) -> None:
    legacy = await component.legacy(FRANKFURT)
    for name in legacy.body:
        assert differences(legacy, Answer({**legacy.body, name: None})) == [name]
    flights = legacy.body["flights"]
    assert isinstance(flights, list)
    for name in flights[0]:
        wrong = [{**flights[0], name: "X"}, *flights[1:]]
        assert differences(legacy, Answer({**legacy.body, "flights": wrong})) == ["flights"]
    assert differences(legacy, Answer({**legacy.body, "flights": flights[::-1]})) == ["flights"]
    assert differences(legacy, alter(legacy)) == ["flights"]
