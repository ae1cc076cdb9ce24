"""The asynchronous client, and functions with two implementations."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from inspect import iscoroutinefunction, signature

import pytest

from crossfade.flags import Context, Reason
from crossfade.sdk import AsyncClient, Client, Variant
from tests.crossfade.sdk.protocol import ProtocolServer, flag

Start = Callable[..., Client]
ANYONE = {"targetingKey": "u-1"}
request_id: ContextVar[str] = ContextVar("request_id", default="none")


class NotFound(Exception):
    """An answer."""


@asynccontextmanager
async def serving(server: ProtocolServer, percentage: int) -> AsyncIterator[AsyncClient]:
    server.publish(flag(percentage=percentage))
    async with AsyncClient(server.url, "secret", refresh=0.05, client_id="app") as client:
        yield client


async def old(name: str) -> str:
    await asyncio.sleep(0)
    return f"legacy {name} {request_id.get()}"


def of_anyone(*_: object, **__: object) -> Context:
    return ANYONE


async def test_what_the_client_says_it_says_without_waiting(server: ProtocolServer) -> None:
    async with serving(server, 100) as client:
        assert client.client_id == "app"
        assert client.is_enabled("search", ANYONE)
        assert client.evaluate("search", ANYONE).variant is Variant.CANDIDATE
        assert (client.status().source, client.status().connected) == ("network", True)
        assert [one.name for one in client.flags()] == ["search"]
    assert server.left == ["app"]
    assert not client.is_enabled("search", ANYONE, default=True)


@pytest.mark.parametrize(("percentage", "expected"), [(0, "legacy a 7"), (100, "candidate a 7")])
async def test_the_side_that_serves_is_awaited_in_the_callers_context(
    server: ProtocolServer, percentage: int, expected: str
) -> None:
    request_id.set("7")

    async def new() -> str:
        await asyncio.sleep(0)
        return f"candidate a {request_id.get()}"

    async with serving(server, percentage) as client:
        assert await client.switch("search", ANYONE, legacy=lambda: old("a"), candidate=new) == expected


async def test_a_plain_function_can_be_a_side(server: ProtocolServer) -> None:
    async with serving(server, 100) as client:
        assert await client.switch("search", ANYONE, legacy=lambda: old("a"), candidate=lambda: "new") == "new"


async def test_legacy_answers_for_a_candidate_that_fails(server: ProtocolServer) -> None:
    async def broken() -> str:
        await asyncio.sleep(0)
        raise ConnectionError

    async with serving(server, 100) as client:
        assert await client.switch("search", ANYONE, legacy=lambda: old("a"), candidate=broken) == "legacy a none"
    assert (server.total("search", "candidate", "errors"), server.total("search", "candidate", "fallbacks")) == (1, 1)


async def test_both_kinds_of_client_share_one_store(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=100))
    shared = start()
    client = AsyncClient(client=shared)
    assert await client.switch("search", ANYONE, legacy=lambda: 1, candidate=lambda: 2) == 2
    client.connection("search", ANYONE).close()
    client.gauge("search", "candidate", 0.5)
    await client.close()
    assert shared.evaluate("search", ANYONE).reason is Reason.STALE
    assert server.total("search", "candidate", "requests") == 1
    assert server.total("search", "candidate", "memoryUsage") == 1


# -- functions with two implementations


def test_a_function_runs_the_side_that_serves_its_arguments(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(overrides={"new@example.org": Variant.CANDIDATE}, percentage=0))
    client = start()

    def search_before(query: str, user: str) -> str:
        return f"legacy {query} {user}"

    @client.switching(
        "search", legacy=search_before, context=lambda query, user: {"targetingKey": user, "query": query}
    )
    def search(query: str, user: str) -> str:
        """Find airports."""
        return f"candidate {query} {user}"

    assert search("oslo", user="new@example.org") == "candidate oslo new@example.org"
    assert search("oslo", "old@example.org") == "legacy oslo old@example.org"
    assert (search.__name__, search.__doc__, list(signature(search).parameters)) == (
        "search",
        "Find airports.",
        ["query", "user"],
    )
    client.close()
    assert [server.total("search", side, "requests") for side in ("legacy", "candidate")] == [1, 1]


def test_a_function_falls_back_and_passes_on_what_is_expected(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=100))
    client = start()

    def before(query: str) -> str:
        return f"legacy {query}"

    @client.switching("search", legacy=before, context=of_anyone, expected=(NotFound,))
    def search(query: str) -> str:
        raise NotFound if query == "nowhere" else ValueError

    assert search("oslo") == "legacy oslo"
    with pytest.raises(NotFound):
        search("nowhere")
    client.close()
    assert server.total("search", "candidate", "errors") == 1


@pytest.mark.parametrize(("percentage", "expected"), [(0, "legacy oslo none"), (100, "candidate oslo")])
async def test_a_coroutine_function_stays_one(server: ProtocolServer, percentage: int, expected: str) -> None:
    async with serving(server, percentage) as client:

        @client.switching("search", legacy=old, context=of_anyone)
        async def search(query: str) -> str:
            await asyncio.sleep(0)
            return f"candidate {query}"

        assert iscoroutinefunction(search)
        assert await search("oslo") == expected


async def test_a_plain_candidate_of_an_asynchronous_legacy_is_awaited_too(server: ProtocolServer) -> None:
    async with serving(server, 100) as client:

        @client.switching("search", legacy=old, context=of_anyone)  # type: ignore[arg-type]  # what it is to bear
        def search(query: str) -> str:
            return f"candidate {query}"

        assert await search("oslo") == "candidate oslo"
