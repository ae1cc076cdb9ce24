"""The stream of the dashboard over a real server: what each viewer gets, and what it costs."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sse_starlette import EventSourceResponse

from api.dashboard import Dashboard, View
from api.dashboard_view import Document
from api.hub import RING, RING_BYTES, Channel, Hub
from api.routers import dashboard
from api.services import Services
from api.stream import Viewer, events
from store import tokens
from tests.api.conftest import ADMIN, SDK, bearer
from tests.api.test_process import process
from tests.builders import started_migration
from tests.dashboards import PATIENCE, STREAM, Told, first, half_way, shown, viewing

VIEWERS = 20


@contextmanager
def counting(app: FastAPI, fragment: str = "") -> Iterator[list[str]]:
    """The statements that contain a fragment, as the real engine executes them; without one, those of this task."""
    engine = app.state.services.database.engine.sync_engine
    found: list[str] = []
    task = asyncio.current_task()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if fragment in statement if fragment else asyncio.current_task() is task:
            found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
async def fast(app: FastAPI, environment: str) -> AsyncIterator[tuple[Hub, Channel]]:
    """A hub of twenty ticks a second over the same sources, and its channel of the whole migration."""
    hub = Hub(app.state.services.hub.sources, tick_seconds=0.05)
    yield hub, hub.channel(View(environment))
    await hub.close()


def viewer(*, interval: float = 0.05, last: str | None = None) -> Viewer:
    async def admit() -> None:
        """Whoever comes."""

    return Viewer(interval=interval, last=last, ending=anyio.Event(), admit=admit)


def identity(encoded: bytes) -> str:
    return encoded.decode().partition("\n")[0].removeprefix("id: ")


def number(event_id: str) -> int:
    return int(event_id.rpartition("-")[2])


# -- what a viewer gets


async def test_the_first_event_comes_at_once_and_is_the_dashboard(
    address: str, admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    await half_way(engine, environment)

    async with viewing(address, ADMIN, interval=5) as stream:
        (now,) = await first(stream)
    answer = await shown(admin)

    assert now.kind == "dashboard"
    assert now.data.keys() == answer.keys()
    assert now.data["migration"] == answer["migration"]
    assert [part["status"] for part in now.data["components"]] == ["ramping", "completed", "pending"]


async def test_a_change_is_seen_and_an_unchanged_state_is_told_again(
    address: str, engine: AsyncEngine, environment: str
) -> None:
    async with viewing(address, ADMIN, interval=1) as stream:
        before, same = await first(stream, 2)
        async with engine.begin() as connection:
            made = await started_migration(connection, ("search",), environment=environment)
        async for after in stream:
            if after.data["migration"]:
                break

    assert before.data["migration"] is same.data["migration"] is None
    assert before.data["generatedAt"] < same.data["generatedAt"] < after.data["generatedAt"]
    assert after.data["migration"]["id"] == str(made.id)


async def test_the_answer_is_an_event_stream_that_nobody_may_hold_back(address: str) -> None:
    headers = bearer(ADMIN) | {"Accept-Encoding": "gzip, br, zstd, deflate"}
    async with (
        httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client,
        client.stream("GET", STREAM, headers=headers) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store, no-transform"
        assert answer.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in answer.headers


async def test_a_silent_stream_is_kept_alive_by_comments(fast: tuple[Hub, Channel]) -> None:
    hub, channel = fast
    kinds: list[str] = []

    async def send(message: Any) -> None:
        kinds.append(message.get("body", b"").partition(b" ")[0].decode())
        if kinds[-1] == ":" and "id:" in kinds:
            raise ConnectionResetError

    async def receive() -> dict[str, str]:
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    response = EventSourceResponse(events(hub, channel, viewer(interval=3600)), ping=0.01)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(ConnectionResetError):
            await response({"type": "http", "method": "GET"}, receive, send)

    assert kinds.count("id:") == 1
    assert channel.viewers == 0


# -- coming back


async def test_who_comes_back_gets_what_was_missed(fast: tuple[Hub, Channel]) -> None:
    hub, channel = fast
    seen = [await channel.at(tick) for tick in range(1, 5)]
    stream = events(hub, channel, viewer(last=seen[1].id))

    missed = [identity(await anext(stream)) for _ in range(3)]
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert missed[:2] == [seen[2].id, seen[3].id]
    assert missed[2] not in {one.id for one in seen}
    assert channel.viewers == 0


@pytest.mark.parametrize("last", [None, "", "another-1", "0"], ids=repr)
async def test_an_id_that_is_not_known_gets_one_state(fast: tuple[Hub, Channel], last: str | None) -> None:
    hub, channel = fast
    old = [await channel.at(tick) for tick in range(1, 4)]
    stream = events(hub, channel, viewer(last=last))

    now = identity(await anext(stream))
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert now not in {one.id for one in old}


async def test_large_states_are_kept_up_to_so_many_bytes() -> None:
    async def read() -> Document:
        return {"components": "c" * (RING_BYTES // 6)}

    numbers = count(1)
    channel = Channel(read, lambda: f"boot-{next(numbers)}")
    events = [await channel.at(tick) for tick in range(RING)]

    assert channel.after(events[-5].id) == events[-4:]
    assert channel.after(events[-6].id) == ()
    assert json.loads(events[-1].body) == await read()


async def test_after_a_gap_that_is_too_large_there_is_nothing_to_replay() -> None:
    numbers = count(1)

    async def read() -> dict[str, object]:
        return {}

    channel = Channel(read, lambda: f"boot-{next(numbers)}")
    seen = [await channel.at(tick) for tick in range(RING + 2)]

    assert channel.after(seen[0].id) == ()
    assert channel.after(seen[1].id) == ()
    assert channel.after(seen[2].id) == seen[3:]
    assert channel.after(seen[-1].id) == []


@pytest.mark.parametrize("way", ["last", "header"])
async def test_a_stream_is_resumed_by_parameter_and_by_header(address: str, way: str) -> None:
    async with viewing(address, ADMIN, interval=1) as stream:
        one, two = await first(stream, 2)
    async with viewing(address, ADMIN, interval=5, **{way: one.id}) as stream:
        (again,) = await first(stream)

    assert again.id == two.id
    assert again.data == two.data


async def test_the_header_goes_before_the_parameter(address: str) -> None:
    async with viewing(address, ADMIN, interval=1) as stream:
        one, two, three = await first(stream, 3)
    async with viewing(address, ADMIN, interval=5, last=one.id, header=two.id) as stream:
        (again,) = await first(stream)

    assert again.id == three.id


async def test_a_viewer_that_is_slow_gets_the_newest_state_and_no_backlog(fast: tuple[Hub, Channel]) -> None:
    hub, channel = fast
    slow, quick = events(hub, channel, viewer()), events(hub, channel, viewer())
    before = identity(await anext(slow))
    meanwhile = [identity(await anext(quick)) for _ in range(5)]

    after = identity(await anext(slow))
    await slow.aclose()  # type: ignore[attr-defined]  # it is a generator
    await quick.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert number(after) >= number(meanwhile[-1]) > number(before) + 1


# -- what it costs


async def test_a_tick_is_read_once_however_many_look(app: FastAPI, address: str) -> None:
    async def look() -> list[Told]:
        async with viewing(address, ADMIN, interval=1) as stream:
            return await first(stream, 3)

    with counting(app, "alert_events.severity, count") as passes:
        seen = await asyncio.gather(*(look() for _ in range(VIEWERS)))

    newest = max(number(one.id) for each in seen for one in each)
    assert all(len({one.id for one in each}) == 3 for each in seen)
    # One for each id that was ever given, and perhaps one that was under way when the last viewer left.
    assert len(passes) in {newest, newest + 1}
    assert newest < VIEWERS


async def test_viewers_of_other_intervals_share_what_is_read(fast: tuple[Hub, Channel]) -> None:
    hub, channel = fast
    streams = [events(hub, channel, viewer(interval=interval)) for interval in (0.05, 0.1, 0.15, 0.25)]

    async def look(stream: AsyncIterator[bytes]) -> list[int]:
        return [number(identity(await anext(stream))) for _ in range(4)]

    each = await asyncio.gather(*(look(stream) for stream in streams))
    for stream in streams:
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator

    told_ = [one for seen in each for one in seen]
    assert len(set(told_)) < len(told_)
    assert all(seen == sorted(set(seen)) for seen in each)


async def test_nothing_is_read_while_nobody_looks(app: FastAPI, address: str, environment: str) -> None:
    services: Services = app.state.services
    channel = services.hub.channel(View(environment))
    async with viewing(address, ADMIN, interval=1) as stream:
        await first(stream)
        assert channel.viewers == 1
    async with asyncio.timeout(PATIENCE):
        while not channel.is_idle:
            await services.replica.refresh()

    with counting(app, "alert_events.severity, count") as passes:
        for _ in range(20):
            await services.replica.refresh()

    assert passes == []
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "dashboard is read"]


async def test_the_number_of_queries_does_not_grow_with_the_migration(
    app: FastAPI, engine: AsyncEngine, environment: str
) -> None:
    async def queries() -> int:
        with counting(app) as statements:
            document = await Dashboard(app.state.services.hub.sources, View(environment)).read()
        components.append(len(document["components"]))  # type: ignore[arg-type]  # it is a list
        return len(statements)

    components: list[int] = []
    async with engine.begin() as connection:
        await started_migration(connection, ["only"], name="small", environment=environment)
    few = await queries()
    async with engine.begin() as connection:
        names = [[f"part-{phase}-{number}" for number in range(10)] for phase in range(5)]
        await started_migration(connection, *names, name="large", environment=environment)
    many = await queries()

    assert components == [1, 50]
    assert many == few <= 20


# -- who may look


async def test_without_a_token_or_its_scope_there_is_no_stream(address: str) -> None:
    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client:
        nobody = await client.get(STREAM)
        sdk = await client.get(STREAM, headers=bearer(SDK))

    assert (nobody.status_code, sdk.status_code) == (401, 403)


@pytest.mark.parametrize("query", [{"interval": 0.5}, {"interval": 6}, {"interval": "nan"}, {"last": "x" * 101}])
async def test_a_query_that_makes_no_sense_is_422(admin: httpx.AsyncClient, query: dict[str, Any]) -> None:
    assert (await admin.get(STREAM, params=query)).status_code == 422


async def test_a_token_that_was_revoked_ends_the_stream_with_a_problem(
    app: FastAPI, engine: AsyncEngine, environment: str
) -> None:
    token = f"cf_admin_{environment.replace('-', '')}_" + "d" * 43
    services: Services = app.state.services
    async with engine.begin() as connection:
        await tokens.ensure(connection, token, role="admin", environment=environment)

    caller = await services.authenticator.caller(token)
    assert caller is not None

    async def admit() -> None:
        await dashboard.admit(token, services, caller)

    hub = Hub(services.hub.sources, tick_seconds=0.05)
    stream = events(hub, hub.channel(View(environment)), replace(viewer(interval=0.1), admit=admit, check_seconds=0.1))
    await anext(stream)
    await anext(stream)
    async with engine.begin() as connection:
        revoke = text("update api_tokens set revoked_at = now() where selector = :selector")
        await connection.execute(revoke, {"selector": token.split("_")[2]})
    async with asyncio.timeout(PATIENCE):
        rest = [encoded async for encoded in stream]
    await hub.close()

    last = Told(rest[-1].decode().strip().split("\n"))
    assert (last.kind, last.data["status"]) == ("problem", 401)
    assert all(encoded.startswith(b"id: ") for encoded in rest[:-1])


def test_a_server_with_viewers_ends_at_once_and_in_good_order(committed_database: str, environment: str) -> None:
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
