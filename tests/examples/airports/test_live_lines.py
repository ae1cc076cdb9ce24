"""Live connections from a person's end to the counts of the SDK."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

import pytest
import socketio

from examples.airports.components import (
    websocket_connection_migration,
    websocket_provider_sdk,
    websocket_socketio,
)
from examples.airports.directory import Directory
from examples.airports.faults import Fault
from examples.airports.traffic.lines import Line, Moved, SocketIoLine, open_boards, open_raw
from examples.airports.traffic.subscribers import MESSAGES_A_CONNECTION, Subscriber
from tests.examples.airports.live_house import House, live_house

LOOK_UPS = websocket_socketio.NAME
BOARDS = websocket_provider_sdk.NAME
CHANGES = websocket_connection_migration.NAME
SUBSCRIPTION = '{"kind": "subscribe", "region": ""}'
BOARD = '{"code": "FRA", "slot": 32}'
PERSON = "u-0001"


@pytest.fixture
async def house(directory: Directory) -> AsyncIterator[House]:
    async with live_house(directory, {LOOK_UPS: 100, BOARDS: 100, CHANGES: 100}) as house:
        yield house


@pytest.fixture(params=["legacy", "candidate"])
async def either(directory: Directory, request: pytest.FixtureRequest) -> AsyncIterator[tuple[House, str]]:
    percentage = 100 if request.param == "candidate" else 0
    async with live_house(directory, {BOARDS: percentage, CHANGES: percentage}) as house:
        yield house, request.param


def _counted(requests: int, opened: int, abnormal: int = 0) -> Mapping[str, int]:
    return {
        "requests": requests,
        "errors": 0,
        "connectionsOpened": opened,
        "connectionsClosed": opened,
        "connectionsAbnormal": abnormal,
    }


async def _asked_until_broken(line: Line, message: str) -> int:
    """How many answers there were until the connection broke."""
    for answered in range(1000):
        try:
            await line.look_up(message)
        except (Moved, socketio.exceptions.SocketIOError):
            return answered
    raise AssertionError("it never breaks")


async def test_a_subscriber_knows_all_boards_whichever_way_it_comes_back(either: tuple[House, str]) -> None:
    house, variant = either
    subscriber = Subscriber(house.target, PERSON)
    for _ in range(3 * MESSAGES_A_CONNECTION):
        answer = await subscriber.look_up(SUBSCRIPTION)
        assert answer["variant"] == variant
    known = {airport: change.as_json() for airport, change in house.stream.state("").items()}
    assert subscriber.boards == known
    await subscriber.close()
    assert await house.reported(CHANGES, variant) == _counted(requests=12, opened=3)


async def test_a_session_outlives_its_connections(house: House) -> None:
    subscriber = Subscriber(house.target, PERSON)
    first = await subscriber.look_up(SUBSCRIPTION)
    await subscriber.lose()
    resumed = await subscriber.look_up(SUBSCRIPTION)
    assert "snapshot" in first
    assert (resumed["session"], resumed["after"]) == (first["session"], first["until"])
    await subscriber.close()


async def test_messages_with_other_intentions_change_nothing(house: House) -> None:
    subscriber = Subscriber(house.target, PERSON)
    await subscriber.look_up(SUBSCRIPTION)
    before = subscriber.boards
    for message in ("null", "[]", '{"kind": "drop table"}', '{"kind": "more", "after": -1}'):
        assert (await subscriber.look_up(message))["status"] == 400
    assert subscriber.boards == before
    await subscriber.close()


@pytest.mark.parametrize(("name", "path"), [(CHANGES, "/changes/ws"), (BOARDS, "/boards/ws")])
async def test_who_should_be_elsewhere_is_told_and_not_counted(house: House, name: str, path: str) -> None:
    line = await open_raw(house.target, path, PERSON)
    message = SUBSCRIPTION if name == CHANGES else BOARD
    await line.look_up(message)
    await house.published(name, 0)
    with pytest.raises(Moved):
        await line.look_up(message)
    await line.close()
    again = await open_raw(house.target, path, PERSON)
    assert (await again.look_up(message))["variant"] == "legacy"
    await again.close()
    assert await house.reported(name, "candidate") == _counted(requests=1, opened=1)


async def test_a_subscriber_whose_connections_break_comes_back_and_loses_nothing(house: House) -> None:
    house.faults.switch(CHANGES, Fault.DROPS)
    subscriber, asked = Subscriber(house.target, PERSON), 0
    for _ in range(100):
        with suppress(Moved):  # it broke twice in a row
            await subscriber.look_up(SUBSCRIPTION)
            asked += 1
    assert subscriber.boards == {airport: change.as_json() for airport, change in house.stream.state("").items()}
    await subscriber.close()
    counted = await house.reported(CHANGES, "candidate")
    assert counted["requests"] == asked
    assert 2 < counted["connectionsAbnormal"] < counted["connectionsOpened"]


async def test_a_connection_that_broke_after_the_last_question_is_abnormal_all_the_same(house: House) -> None:
    line = await open_boards(house.target, PERSON)
    await line.look_up(BOARD)
    await house.boards.cut("candidate", "1")
    await line.close()
    assert await house.reported(BOARDS, "candidate") == _counted(requests=1, opened=1, abnormal=1)


async def test_the_fault_leaves_legacys_connections_alone(directory: Directory) -> None:
    async with live_house(directory, {}) as house:
        for name in (CHANGES, BOARDS):
            house.faults.switch(name, Fault.DROPS)
        changes, boards = await open_raw(house.target, "/changes/ws", PERSON), await open_boards(house.target, PERSON)
        for _ in range(100):
            await changes.look_up(SUBSCRIPTION)
            await boards.look_up(BOARD)
        await changes.close()
        await boards.close()
        assert await house.reported(CHANGES, "legacy") == _counted(requests=100, opened=1)
        assert house.plane.reported[BOARDS, "legacy", "connectionsAbnormal"] == 0


async def test_a_watcher_has_one_connection_to_the_provider(either: tuple[House, str]) -> None:
    house, variant = either
    line = await open_boards(house.target, PERSON)
    for _ in range(5):
        answer = await line.look_up(BOARD)
        assert (answer["variant"], answer["airport"], answer["failed"]) == (variant, "EDDF", False)
    await line.close()
    assert await house.reported(BOARDS, variant) == _counted(requests=5, opened=1)


async def test_a_watcher_does_not_notice_that_the_provider_was_lost(house: House) -> None:
    house.faults.switch(BOARDS, Fault.DROPS)
    line = await open_boards(house.target, PERSON)
    for _ in range(100):
        answer = await line.look_up(BOARD)
        assert (answer["variant"], answer["airport"], answer["failed"]) == ("candidate", "EDDF", False)
    await line.close()
    counted = await house.reported(BOARDS, "candidate")
    broken = counted["connectionsAbnormal"]
    assert broken > 1
    assert counted == _counted(requests=100, opened=broken + 1, abnormal=broken)


async def test_a_look_up_over_a_connection_that_breaks_fails_at_once(house: House) -> None:
    house.faults.switch(LOOK_UPS, Fault.DROPS)
    client = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=house.target.session)
    await client.connect(
        house.target.url, auth={"user": PERSON}, socketio_path="/live/socket.io", transports=["websocket"]
    )
    answered = await _asked_until_broken(SocketIoLine(client), json.dumps({"code": "FRA"}))
    assert not client.connected
    assert await house.reported(LOOK_UPS, "candidate") == _counted(requests=answered, opened=1, abnormal=1)
