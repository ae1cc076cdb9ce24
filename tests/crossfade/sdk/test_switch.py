import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from threading import Thread

import pytest

from crossfade.sdk import Client
from tests.crossfade.sdk.protocol import ProtocolServer, flag

Start = Callable[..., Client]
ANYONE = {"targetingKey": "u-1"}
request_id: ContextVar[str] = ContextVar("request_id", default="none")


class Broken(Exception):
    """The side is broken."""


class NotFound(Exception):
    """An answer."""


def broken() -> str:
    raise Broken("candidate")


def broken_legacy() -> str:
    raise Broken("legacy")


def missing() -> str:
    raise NotFound("airport")


async def broken_soon() -> str:
    await asyncio.sleep(0)
    raise Broken("candidate")


async def soon(result: str) -> str:
    await asyncio.sleep(0)
    return result


def totals(server: ProtocolServer, variant: str) -> dict[str, int]:
    metrics = ("requests", "responseTime", "errors", "fallbacks")
    return {metric: server.total("search", variant, metric) for metric in metrics}


@pytest.mark.parametrize(("percentage", "expected"), [(0, "legacy"), (100, "candidate")])
def test_the_side_that_serves_is_run_and_counted_once(
    server: ProtocolServer, start: Start, percentage: int, expected: str
) -> None:
    server.publish(flag(percentage=percentage))
    client = start()
    assert client.switch("search", ANYONE, legacy=lambda: "legacy", candidate=lambda: "candidate") == expected
    client.close()
    other = {"legacy": "candidate", "candidate": "legacy"}[expected]
    assert totals(server, expected) == {"requests": 1, "responseTime": 1, "errors": 0, "fallbacks": 0}
    assert totals(server, other) == {"requests": 0, "responseTime": 0, "errors": 0, "fallbacks": 0}


def test_a_failing_candidate_falls_back_and_the_failure_is_its_own(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=100))
    client = start()
    assert client.switch("search", ANYONE, legacy=lambda: "legacy", candidate=broken) == "legacy"
    client.close()
    assert totals(server, "candidate") == {"requests": 1, "responseTime": 1, "errors": 1, "fallbacks": 1}
    assert totals(server, "legacy")["requests"] == 0


def test_without_fallback_the_exception_goes_to_the_caller(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=100, fallback_enabled=False))
    client = start()
    with pytest.raises(Broken, match="candidate"):
        client.switch("search", ANYONE, legacy=lambda: "legacy", candidate=broken)
    client.close()
    assert totals(server, "candidate") == {"requests": 1, "responseTime": 1, "errors": 1, "fallbacks": 0}


def test_legacys_exception_goes_to_the_caller_and_is_legacys_error(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0))
    client = start()
    with pytest.raises(Broken, match="legacy"):
        client.switch("search", ANYONE, legacy=broken_legacy, candidate=lambda: "candidate")
    client.close()
    assert totals(server, "legacy") == {"requests": 1, "responseTime": 1, "errors": 1, "fallbacks": 0}


def test_what_legacy_raises_in_place_of_candidate_says_nothing_of_candidate(
    server: ProtocolServer, start: Start
) -> None:
    server.publish(flag(percentage=100))
    client = start()
    with pytest.raises(Broken, match="legacy") as caught:
        client.switch("search", ANYONE, legacy=broken_legacy, candidate=broken)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(("percentage", "variant"), [(0, "legacy"), (100, "candidate")])
def test_expected_exceptions_are_answers(server: ProtocolServer, start: Start, percentage: int, variant: str) -> None:
    server.publish(flag(percentage=percentage))
    client = start()
    with pytest.raises(NotFound, match="airport"):
        client.switch("search", ANYONE, legacy=missing, candidate=missing, expected=(NotFound,))
    client.close()
    assert totals(server, variant) == {"requests": 1, "responseTime": 1, "errors": 0, "fallbacks": 0}


async def test_coroutine_functions_give_an_awaitable(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=100))
    client = start()
    assert await client.switch("search", ANYONE, legacy=partial(soon, "l"), candidate=partial(soon, "c")) == "c"
    assert await client.switch("search", ANYONE, legacy=lambda: soon("l"), candidate=lambda: soon("c")) == "c"
    assert await client.switch("search", ANYONE, legacy=partial(soon, "l"), candidate=broken_soon) == "l"
    client.close()
    assert totals(server, "candidate") == {"requests": 3, "responseTime": 3, "errors": 1, "fallbacks": 1}


async def test_a_coroutine_of_legacy_raises_unchanged(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0))
    client = start()
    with pytest.raises(Broken):
        await client.switch("search", ANYONE, legacy=broken_soon, candidate=partial(soon, "c"))
    client.close()
    assert totals(server, "legacy")["errors"] == 1


async def test_a_cancelled_call_is_no_error_and_never_falls_back(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=100))
    client = start()
    fallen: list[str] = []

    async def forever() -> None:
        await asyncio.Event().wait()

    async def legacy() -> None:
        fallen.append("legacy")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await client.switch("search", ANYONE, legacy=legacy, candidate=forever)
    client.close()
    assert fallen == []
    assert totals(server, "candidate") == {"requests": 1, "responseTime": 1, "errors": 0, "fallbacks": 0}


def test_context_variables_are_the_callers(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=100))
    client = start()
    request_id.set("r-1")
    assert client.switch("search", ANYONE, legacy=request_id.get, candidate=request_id.get) == "r-1"


async def test_context_variables_are_the_callers_in_coroutines(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=100))
    client = start()

    async def read() -> str:
        seen = request_id.get()
        request_id.set("changed")
        return seen

    request_id.set("r-2")
    assert await client.switch("search", ANYONE, legacy=read, candidate=read) == "r-2"
    assert request_id.get() == "changed"


def test_samples_carry_the_revision_of_the_flag_at_the_start(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=100, revision=41))
    client = start()
    client.switch("search", ANYONE, legacy=lambda: 1, candidate=lambda: 1)
    client.close()
    assert {summary["revision"] for summary in server.counted()} == {41}


def test_every_call_of_many_threads_is_counted(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=50))
    client = start()

    def work(thread: int) -> None:
        for number in range(1000):
            client.switch("search", {"targetingKey": f"{thread}-{number}"}, legacy=lambda: 1, candidate=broken_number)

    def broken_number() -> int:
        raise Broken

    threads = [Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    legacy, candidate = totals(server, "legacy"), totals(server, "candidate")
    assert legacy["requests"] + candidate["requests"] == 6000
    assert candidate["errors"] == candidate["fallbacks"] == candidate["requests"] > 2500
    assert client.status().dropped == 0
