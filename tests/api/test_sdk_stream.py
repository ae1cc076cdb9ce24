"""The stream that wakes SDK clients, over a real server."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.auth import Scope, permit
from api.problems import Refused
from api.push import HEARTBEAT, Follower, Push
from api.routers.sdk_stream import News
from api.services import Services
from crossfade.sse import Event, Parser
from store import tokens
from tests.api.conftest import ADMIN, SDK, bearer, calling
from tests.api.test_process import process
from tests.dashboards import PATIENCE

STREAM = "/api/migration/sdk/stream"
FLAG = "/api/migration/feature-flags/search-fuzzy"


@asynccontextmanager
async def following(address: str, token: str = SDK) -> AsyncIterator[httpx.Response]:
    async with (
        asyncio.timeout(PATIENCE),
        httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client,
        client.stream("GET", STREAM, headers=bearer(token) | {"Accept-Encoding": "gzip, br, deflate"}) as answer,
    ):
        yield answer


async def told(answer: httpx.Response) -> AsyncIterator[Event]:
    parser = Parser()
    async for chunk in answer.aiter_bytes():
        for event in parser.feed(chunk):
            yield event


async def set_percentage(admin: httpx.AsyncClient, percentage: int) -> int:
    made = await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": percentage})
    return int(made.json()["revision"])


def services_of(app: FastAPI) -> Services:
    services: Services = app.state.services
    return services


async def test_a_client_is_told_the_revision_at_once_and_after_each_change(
    app: FastAPI, address: str, admin: httpx.AsyncClient
) -> None:
    before = await set_percentage(admin, 10)
    await services_of(app).replica.reached(before)

    async with following(address) as answer:
        events = told(answer)
        first = await anext(events)
        after = await set_percentage(admin, 20)
        async for second in events:
            if second.id == str(after):
                break

    assert (first.type, first.id, first.data) == ("flags", str(before), f'{{"revision":{before},"epoch":0}}')
    assert second.data == f'{{"revision":{after},"epoch":0}}'


async def test_a_line_without_news_is_kept_alive_by_comments(address: str) -> None:
    read = b""
    async with following(address) as answer:
        async for chunk in answer.aiter_bytes():
            read += chunk
            if read.count(HEARTBEAT) == 2:
                break

    assert read.count(b"event: flags") == 1
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store, no-transform"
    assert "content-encoding" not in answer.headers


async def test_all_clients_of_a_process_are_told(address: str, admin: httpx.AsyncClient) -> None:
    started = asyncio.Barrier(6)

    async def hear(wanted: asyncio.Future[int]) -> str:
        async with following(address) as answer:
            events = told(answer)
            await anext(events)
            await started.wait()
            revision = await wanted
            async for event in events:
                if event.id == str(revision):
                    return event.id
        return ""

    wanted = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as tasks:
        hearing = [tasks.create_task(hear(wanted)) for _ in range(5)]
        await started.wait()
        wanted.set_result(await set_percentage(admin, 30))

    assert [task.result() for task in hearing] == [str(wanted.result())] * 5


async def test_a_token_of_another_environment_is_told_nothing(app: FastAPI, engine: AsyncEngine) -> None:
    foreign = "cf_sdk_teststranger_" + "d" * 43
    async with engine.begin() as connection:
        await tokens.ensure(connection, foreign, role="sdk", environment="elsewhere")

    async with calling(app, foreign) as client:
        answer = await client.get(STREAM)

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:crossfade:problem:other-environment")


async def test_a_process_that_is_full_says_so(app: FastAPI, sdk: httpx.AsyncClient) -> None:
    services = services_of(app)
    services.push = Push(services.replica, most_followers=0)

    answer = await sdk.get(STREAM)

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:crossfade:problem:too-many-streams")
    assert answer.headers["retry-after"] == "10"


async def test_there_is_room_again_once_a_client_has_left(app: FastAPI) -> None:
    push = Push(services_of(app).replica, most_followers=1)

    with push.following(Follower(asyncio.Queue[bytes]().put)), pytest.raises(Refused):
        push.require_room()

    push.require_room()


async def test_who_does_not_read_is_cut_and_holds_up_nobody(app: FastAPI) -> None:
    read: asyncio.Queue[bytes] = asyncio.Queue()

    async def never(_: bytes) -> None:
        await asyncio.Event().wait()

    async def gone(_: bytes) -> None:
        raise ConnectionResetError

    push = Push(services_of(app).replica)
    slow, lost, quick = Follower(never), Follower(gone), Follower(read.put)
    with push.following(slow), push.following(lost), push.following(quick):
        async with asyncio.timeout(PATIENCE):
            telling = asyncio.create_task(push.run())
            first = await read.get()
            await slow.ended.wait()
            await lost.ended.wait()
            second = await read.get()
        telling.cancel()

    assert first.startswith(b"id: ")
    assert second == HEARTBEAT
    assert (slow.is_cut, lost.is_cut, quick.is_cut) == (True, True, False)


async def test_who_was_cut_takes_no_farewell(app: FastAPI) -> None:
    """It would wait for ever: its connection is full."""
    sent: list[dict[str, Any]] = []
    news = News(services_of(app).push, asyncio.Event().wait)

    async def send(message: Any) -> None:
        sent.append(message)
        if b"event: flags" in message.get("body", b""):
            news.follower.cut()

    async with asyncio.timeout(PATIENCE):
        await services_of(app).replica.reached(0)
        await news({"type": "http", "method": "GET"}, asyncio.Event().wait, send)  # type: ignore[arg-type]  # never

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"]


async def test_a_token_that_was_revoked_ends_the_stream_with_a_problem(
    app: FastAPI, engine: AsyncEngine, environment: str
) -> None:
    token = f"cf_sdk_{environment.replace('-', '')}_" + "d" * 43
    services = services_of(app)
    async with engine.begin() as connection:
        await tokens.ensure(connection, token, role="sdk", environment=environment)
    sent: list[bytes] = []
    has_begun = asyncio.Event()

    async def admit() -> None:
        permit(await services.authenticator.caller(token), Scope.SDK)

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        if sent[-1]:
            has_begun.set()

    news = News(services.push, admit, check_seconds=0.05)
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        await services.replica.reached(0)
        tasks.create_task(news({"type": "http", "method": "GET"}, asyncio.Event().wait, send))  # type: ignore[arg-type]  # never
        await has_begun.wait()
        async with engine.begin() as connection:
            revoke = text("update api_tokens set revoked_at = now() where selector = :selector")
            await connection.execute(revoke, {"selector": token.split("_")[2]})

    (problem,) = [event for event in Parser().feed(b"".join(sent)) if event.type != "flags"]
    assert (problem.type, '"status":401' in problem.data) == ("problem", True)
    assert sent[-1] == b""


def test_a_server_with_followers_ends_at_once_and_in_good_order(committed_database: str, environment: str) -> None:
    with process(committed_database, environment) as (child, address):
        with (
            httpx.Client(base_url=address, timeout=PATIENCE) as client,
            client.stream("GET", STREAM, headers=bearer(ADMIN)) as answer,
        ):
            lines = answer.iter_lines()
            while not next(lines).startswith("data: "):
                continue
            child.send_signal(signal.SIGTERM)
            for _ in lines:  # to its proper end: httpx raises where a stream is cut off
                continue
        output, _ = child.communicate(timeout=PATIENCE)

    assert child.returncode == 0, output
    assert "Traceback" not in output
    assert "ERROR" not in output
