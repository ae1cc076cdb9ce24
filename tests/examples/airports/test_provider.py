"""The provider of departure boards, and both clients of it over real connections."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest
import socketio
from aiohttp import web
from aiohttp.test_utils import TestServer

from examples.airports.components.boards import OPENERS, Boards
from examples.airports.components.provider_links import HandMadeLink, LinkLost, SdkLink
from examples.airports.directory import Directory
from examples.airports.provider import EVENT, SLOTS, SOCKET_PATH, Provider

QUESTION = {"airport": "EDDF", "slot": 32}


@pytest.fixture
async def provider(directory: Directory) -> AsyncIterator[Provider]:
    provider = Provider(directory)
    yield provider
    await provider.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def boards(directory: Directory) -> AsyncIterator[Boards]:
    boards = Boards(directory)
    yield boards
    await boards.close()


def test_a_board_depends_on_the_airport_and_the_slot_alone(directory: Directory) -> None:
    frankfurt, kennedy = directory.find("FRA"), directory.find("JFK")
    assert frankfurt is not None
    assert kennedy is not None
    provider = Provider(directory)
    board = provider.board(frankfurt, 32)
    assert board == Provider(directory).board(frankfurt, 32)
    assert board["flights"] != provider.board(kennedy, 32)["flights"]
    assert len({str(provider.board(frankfurt, slot)["flights"]) for slot in SLOTS}) == 96


def test_flights_leave_within_their_quarter_of_an_hour_in_order(directory: Directory) -> None:
    frankfurt = directory.find("FRA")
    assert frankfurt is not None
    flights = Provider(directory).board(frankfurt, 33)["flights"]
    assert isinstance(flights, list)
    times = [flight["at"] for flight in flights]
    assert times == sorted(times)
    assert {time[:4] for time in times} <= {"08:1", "08:2"}
    assert all(directory.find(flight["to"]) for flight in flights)


@pytest.mark.parametrize("variant", OPENERS)
async def test_a_client_is_told_the_board(provider: Provider, session: aiohttp.ClientSession, variant: str) -> None:
    link = await OPENERS[variant](session, await provider.url())
    answer = await link.ask(QUESTION)
    assert (answer["airport"], answer["slot"]) == ("EDDF", 32)
    assert answer["flights"]
    await link.close()
    assert link.is_lost


@pytest.mark.parametrize("variant", OPENERS)
async def test_what_the_provider_refuses_it_says(
    provider: Provider, session: aiohttp.ClientSession, variant: str
) -> None:
    link = await OPENERS[variant](session, await provider.url())
    for slot in (96, -1, True, 1.5, "8", None):
        assert await link.ask({"airport": "EDDF", "slot": slot}) == {"refused": "malformed"}
    assert await link.ask({"slot": 1}) == {"refused": "malformed"}
    assert await link.ask({"airport": "QQQ9", "slot": 1}) == {"refused": "unknown"}
    await link.close()


@pytest.mark.parametrize("variant", OPENERS)
async def test_a_cut_connection_is_lost_and_asks_no_more(boards: Boards, variant: str) -> None:
    await boards.attach(variant, "1")
    assert not boards.is_lost(variant, "1")
    await boards.cut(variant, "1")
    assert boards.is_lost(variant, "1")
    await boards.detach(variant, "1")


@pytest.mark.parametrize("variant", OPENERS)
async def test_a_question_on_a_lost_connection_is_asked_over_the_shared_one(boards: Boards, variant: str) -> None:
    await boards.attach(variant, "1")
    expected = await boards.ask(variant, QUESTION, watcher="1")
    await boards.cut(variant, "1")
    assert await boards.ask(variant, QUESTION, watcher="1") == expected
    assert await boards.ask(variant, QUESTION, watcher="nobody") == expected


@pytest.mark.parametrize("variant", OPENERS)
async def test_a_question_under_way_fails_when_the_connection_breaks(
    session: aiohttp.ClientSession, variant: str
) -> None:
    async with _breaking_provider() as url:
        link = await OPENERS[variant](session, url)
        for _ in range(2):
            with pytest.raises(LinkLost):
                await link.ask(QUESTION)
        assert link.is_lost
        await link.close()


@asynccontextmanager
async def _breaking_provider() -> AsyncIterator[str]:
    """A provider that hangs up instead of answering."""
    server = socketio.AsyncServer(async_mode="aiohttp")

    async def hang_up(sid: str, _: object) -> None:
        server.get_environ(sid)["aiohttp.request"].transport.abort()

    server.on(EVENT, hang_up)
    application = web.Application()
    server.attach(application, socketio_path=SOCKET_PATH)
    async with TestServer(application) as listening:
        yield str(listening.make_url("")).rstrip("/")
    await server.shutdown()


async def test_the_hand_made_client_writes_the_frames_of_the_protocol(session: aiohttp.ClientSession) -> None:
    received: list[str] = []
    answers = {"40": '40{"sid":"s-1"}', "3": '431[{"airport":"EDDF"}]'}

    async with _scripted_provider(['0{"sid":"t-1"}'], answers | {'421["board",': "2"}, received) as url:
        link = await HandMadeLink.open(session, url)
        assert link.sid == "s-1"
        assert await link.ask({"airport": "FRA"}) == {"airport": "EDDF"}
        await link.close()
    assert received == ["40", '421["board", {"airport": "FRA"}]', "3", "41", "1"]


@pytest.mark.parametrize("nonsense", ["431", "431[", "431[]"])
async def test_an_answer_that_is_none_ends_the_hand_made_connection(
    session: aiohttp.ClientSession, nonsense: str
) -> None:
    async with _scripted_provider(['0{"sid":"t-1"}'], {"40": '40{"sid":"s-1"}', "42": nonsense}, []) as url:
        link = await HandMadeLink.open(session, url)
        with pytest.raises(LinkLost):
            await link.ask({"airport": "FRA"})
        await link.close()
        assert link.is_lost


@pytest.mark.parametrize("opening", ["", "4", '44{"message":"no"}'])
async def test_a_handshake_that_fails_is_a_lost_connection(session: aiohttp.ClientSession, opening: str) -> None:
    async with _scripted_provider([opening], {}, []) as url:
        with pytest.raises(LinkLost):
            await HandMadeLink.open(session, url)


@asynccontextmanager
async def _scripted_provider(
    openings: Sequence[str], answers: Mapping[str, str], received: list[str]
) -> AsyncIterator[str]:
    """Sends its openings, then to each frame the answer whose key it begins with."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for opening in openings:
            await socket.send_str(opening)
        async for message in socket:
            received.append(message.data)
            for beginning, answer in answers.items():
                if message.data.startswith(beginning):
                    await socket.send_str(answer)
                    break
        return socket

    application = web.Application()
    application.router.add_get(f"/{SOCKET_PATH}/", serve)
    async with TestServer(application) as listening:
        yield str(listening.make_url("")).rstrip("/")


async def test_nobody_answers_at_an_address_that_is_none(session: aiohttp.ClientSession) -> None:
    with pytest.raises(LinkLost):
        await SdkLink.open(session, "http://127.0.0.1:9")
