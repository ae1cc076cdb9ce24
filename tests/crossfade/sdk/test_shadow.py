"""The side that is not served runs beside the request and is compared."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from decimal import Decimal
from threading import Event, Thread, get_ident
from threading import enumerate as enumerate_threads

import pytest

from crossfade.sdk import AsyncClient, Client, Comparison
from tests.crossfade.sdk.protocol import JSON, ProtocolServer, flag
from tests.crossfade.sdk.waiting import until

Start = Callable[..., Client]
ANYONE = {"targetingKey": "u-1"}
ALWAYS = Decimal(1)
tenant: ContextVar[str] = ContextVar("tenant", default="none")


def compared(server: ProtocolServer) -> tuple[int, int]:
    return server.total("search", "candidate", "comparisons"), server.total("search", "candidate", "mismatches")


def details(server: ProtocolServer) -> JSON:
    found: JSON = {}
    for summary in server.counted():
        for path, count in (summary.get("details") or {}).items():
            found[path] = found.get(path, 0) + count
    return found


@pytest.mark.parametrize("percentage", [0, 100])
def test_both_sides_are_compared_whichever_serves(server: ProtocolServer, start: Start, percentage: int) -> None:
    server.publish(flag(percentage=percentage, shadow_share=ALWAYS))
    client = start()
    served = client.switch("search", ANYONE, legacy=lambda: {"a": 1}, candidate=lambda: {"a": 2}, compare=Comparison())
    assert served == {"a": 2 if percentage else 1}
    until(lambda: compared(server) == (1, 1))
    assert details(server) == {"a": 1}
    assert server.total("search", "legacy", "requests") + server.total("search", "candidate", "requests") == 1


def test_equal_sides_are_no_mismatch(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()
    for _ in range(5):
        client.switch("search", ANYONE, legacy=lambda: [1], candidate=lambda: [1], compare=Comparison())
    until(lambda: compared(server) == (5, 0))


@pytest.mark.parametrize("share", [Decimal(0), Decimal("0.5")])
def test_the_share_of_shadowed_calls_is_the_flags(server: ProtocolServer, start: Start, share: Decimal) -> None:
    server.publish(flag(percentage=0, shadow_share=share))
    client = start()
    runs: list[int] = []
    for _ in range(400):
        client.switch(
            "search", ANYONE, legacy=lambda: 1, candidate=lambda: runs.append(1), compare=Comparison(workers=50)
        )
    client.close()
    assert abs(len(runs) + client.status().comparisons_dropped - 400 * share) <= 45


def test_the_caller_does_not_wait_for_the_other_side(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()
    finished = Event()
    where: list[int] = []

    def slow() -> int:
        where.append(get_ident())
        assert finished.wait(10)
        return 1

    assert client.switch("search", ANYONE, legacy=lambda: 1, candidate=slow, compare=Comparison(timeout=10)) == 1
    finished.set()
    until(lambda: compared(server) == (1, 0))
    assert where != [get_ident()]


def test_a_side_that_misses_the_deadline_is_dropped(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()
    late = Event()
    comparison = Comparison(timeout=0.0)
    client.switch("search", ANYONE, legacy=lambda: 1, candidate=late.set, compare=comparison)
    until(lambda: client.status().comparisons_dropped == 1)
    client.close()
    assert compared(server) == (0, 0)


def test_more_than_there_is_room_for_is_dropped_and_counted(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()
    finished = Event()
    comparison = Comparison(workers=1, timeout=30)
    for _ in range(100):
        client.switch("search", ANYONE, legacy=lambda: True, candidate=lambda: finished.wait(30), compare=comparison)
    dropped = client.status().comparisons_dropped
    assert dropped > 0
    finished.set()
    until(lambda: compared(server) == (100 - dropped, 0))


def test_a_failing_side_is_a_mismatch(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()
    client.switch("search", ANYONE, legacy=lambda: 1, candidate=lambda: 1 // 0, compare=Comparison())
    until(lambda: details(server) == {"candidate raised builtins.ZeroDivisionError": 1})
    assert server.total("search", "candidate", "errors") == 0


def test_a_candidate_that_fell_back_is_a_mismatch_and_runs_once(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=100, shadow_share=ALWAYS))
    client = start()
    runs: list[str] = []

    def candidate() -> int:
        runs.append("candidate")
        return 1 // 0

    def legacy() -> int:
        runs.append("legacy")
        return 1

    assert client.switch("search", ANYONE, legacy=legacy, candidate=candidate, compare=Comparison()) == 1
    until(lambda: compared(server) == (1, 1))
    assert runs == ["candidate", "legacy"]


def test_both_sides_failing_alike_agree(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS), flag("all", 100, shadow_share=ALWAYS))
    client = start()
    for name in ("search", "all"):
        with pytest.raises(ZeroDivisionError):
            client.switch(name, ANYONE, legacy=lambda: 1 // 0, candidate=lambda: 1 // 0, compare=Comparison())
    until(lambda: compared(server) == (1, 0))
    until(lambda: server.total("all", "candidate", "comparisons") == 1)
    assert server.total("all", "candidate", "mismatches") == 0


def test_a_side_that_exits_does_not_take_the_comparing_away(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()

    def leave() -> int:
        raise SystemExit

    for candidate in (leave, lambda: 1):
        client.switch("search", ANYONE, legacy=lambda: 1, candidate=candidate, compare=Comparison(workers=1))
    until(lambda: compared(server) == (2, 1))


def test_a_machine_without_threads_costs_the_comparison_and_not_the_answer(
    server: ProtocolServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()

    def refuse(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(Thread, "start", refuse)
        served = client.switch("search", ANYONE, legacy=lambda: 1, candidate=lambda: 2, compare=Comparison())
    assert (served, client.status().comparisons_dropped) == (1, 1)


def test_the_other_side_sees_the_callers_context_variables(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()
    tenant.set("t-1")
    client.switch("search", ANYONE, legacy=lambda: "t-1", candidate=tenant.get, compare=Comparison())
    tenant.set("t-2")
    until(lambda: compared(server) == (1, 0))


async def test_coroutines_are_shadowed_in_their_loop(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()
    finished = asyncio.Event()
    tenant.set("t-1")

    async def legacy() -> str:
        return "t-1"

    async def candidate() -> str:
        await finished.wait()
        return tenant.get()

    assert await client.switch("search", ANYONE, legacy=legacy, candidate=candidate, compare=Comparison()) == "t-1"
    finished.set()
    await asyncio.to_thread(until, lambda: compared(server) == (1, 0))


@pytest.mark.parametrize("percentage", [0, 100])
@pytest.mark.parametrize("plain", ["legacy", "candidate"])
async def test_a_plain_side_and_a_coroutine_are_compared_by_their_results(
    server: ProtocolServer, start: Start, percentage: int, plain: str
) -> None:
    server.publish(flag(percentage=percentage, shadow_share=ALWAYS))
    client = start()
    tenant.set("t-1")
    where: set[int] = set()

    async def waiting() -> str:
        await asyncio.sleep(0)
        where.add(get_ident())
        return tenant.get()

    sides: dict[str, Callable[[], object]] = {"legacy": waiting, "candidate": waiting, plain: lambda: "t-1"}
    chosen = AsyncClient(client=client).switch(
        "search", ANYONE, legacy=sides["legacy"], candidate=sides["candidate"], compare=Comparison()
    )
    assert await chosen == "t-1"
    await asyncio.to_thread(until, lambda: compared(server) == (1, 0))
    assert where == {get_ident()}


def test_a_shadowed_coroutine_without_a_loop_gets_one(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()

    async def candidate() -> int:
        await asyncio.sleep(0)
        return 2

    served = client.switch("search", ANYONE, legacy=lambda: 1, candidate=candidate, compare=Comparison())
    assert served == 1
    until(lambda: details(server) == {"$": 1})


async def test_a_shadowed_coroutine_beside_a_plain_side_has_the_same_deadline(
    server: ProtocolServer, start: Start
) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()
    never = asyncio.Event()
    comparison = Comparison(timeout=0.01)
    client.switch("search", ANYONE, legacy=lambda: True, candidate=never.wait, compare=comparison)
    await asyncio.to_thread(until, lambda: client.status().comparisons_dropped == 1)
    assert compared(server) == (0, 0)


async def test_a_shadowed_coroutine_that_exits_does_not_end_the_loop(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()

    async def legacy() -> int:
        return 1

    async def leave() -> int:
        raise SystemExit

    assert await client.switch("search", ANYONE, legacy=legacy, candidate=leave, compare=Comparison()) == 1
    await asyncio.to_thread(until, lambda: details(server) == {"candidate raised builtins.SystemExit": 1})


def test_in_the_loop_of_another_library_the_comparison_is_dropped(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()

    async def legacy() -> int:
        return 1

    served = client.switch("search", ANYONE, legacy=legacy, candidate=legacy, compare=Comparison())
    with pytest.raises(StopIteration) as ended:
        served.send(None)
    assert ended.value.value == 1
    assert client.status().comparisons_dropped == 1


async def test_a_coroutine_that_misses_the_deadline_is_dropped(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()

    async def legacy() -> None:
        return None

    async def never() -> None:
        await asyncio.Event().wait()

    comparison = Comparison(timeout=0.01)
    await client.switch("search", ANYONE, legacy=legacy, candidate=never, compare=comparison)
    await asyncio.to_thread(until, lambda: client.status().comparisons_dropped == 1)
    assert compared(server) == (0, 0)


async def test_more_coroutines_than_there_is_room_for_are_dropped(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()
    finished = asyncio.Event()

    async def legacy() -> bool:
        return True

    comparison = Comparison(workers=1, timeout=30)
    for _ in range(100):
        await client.switch("search", ANYONE, legacy=legacy, candidate=finished.wait, compare=comparison)
    dropped = client.status().comparisons_dropped
    assert dropped > 0
    finished.set()
    await asyncio.to_thread(until, lambda: sum(compared(server)) + client.status().comparisons_dropped == 100)


async def test_a_coroutine_that_fell_back_is_a_mismatch(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=100, shadow_share=ALWAYS))
    client = start()

    async def legacy() -> int:
        return 1

    async def candidate() -> int:
        return 1 // 0

    assert await client.switch("search", ANYONE, legacy=legacy, candidate=candidate, compare=Comparison()) == 1
    await asyncio.to_thread(until, lambda: compared(server) == (1, 1))


def test_comparisons_carry_the_revision_of_the_calls_start(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS, revision=5))
    client = start()
    finished = Event()

    def slow() -> int:
        finished.wait(10)
        return 1

    client.switch("search", ANYONE, legacy=lambda: 1, candidate=slow, compare=Comparison(timeout=10))
    server.publish(flag(percentage=0, revision=6), revision=6)
    until(lambda: client.status().revision == 6)
    finished.set()
    until(lambda: compared(server) == (1, 0))
    assert {row["revision"] for row in server.counted() if row["metric"] == "comparisons"} == {5}


def test_a_disabled_flag_shadows_nothing(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=50, enabled=False, shadow_share=ALWAYS))
    client = start()
    runs: list[int] = []
    client.switch("search", ANYONE, legacy=lambda: None, candidate=lambda: runs.append(1), compare=Comparison())
    client.close()
    assert runs == []


def test_a_run_that_has_not_raised_its_ceiling_yet_is_shadowed(server: ProtocolServer, start: Start) -> None:
    """The comparison before the first step is made at a ceiling of 0."""
    server.publish(flag(percentage=0, ceiling=Decimal(0), is_live=True, shadow_share=ALWAYS))
    client = start()
    client.switch("search", ANYONE, legacy=lambda: 1, candidate=lambda: 1, compare=Comparison())
    until(lambda: compared(server) == (1, 0))


@pytest.mark.parametrize("ceiling", [0, 100])
def test_a_stale_flag_shadows_nothing(server: ProtocolServer, start: Start, ceiling: int) -> None:
    server.valid_for = 0.0
    server.publish(flag(percentage=0, ceiling=Decimal(ceiling), shadow_share=ALWAYS, is_live=True))
    client = start()
    runs: list[int] = []
    client.switch("search", ANYONE, legacy=lambda: None, candidate=lambda: runs.append(1), compare=Comparison())
    client.close()
    assert runs == []
    assert server.total("search", "legacy", "requests") == 1


def test_the_end_drops_what_has_not_begun_and_leaves_no_thread(server: ProtocolServer, start: Start) -> None:
    """Nothing of candidate runs for a client that has said goodbye."""
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()
    finished = Event()
    begun: list[int] = []

    def slow() -> None:
        begun.append(1)
        finished.wait(10)

    for _ in range(5):
        client.switch("search", ANYONE, legacy=lambda: None, candidate=slow, compare=Comparison(workers=1, timeout=10))
    until(lambda: begun)
    client.close()
    assert client.status().comparisons_dropped == 4
    finished.set()
    until(lambda: not [thread for thread in enumerate_threads() if thread.name == "crossfade-shadow-search"])
    assert begun == [1]


async def test_a_coroutine_that_ends_after_the_client_is_not_compared(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0, shadow_share=ALWAYS))
    client = start()
    finished = asyncio.Event()
    begun: list[int] = []

    async def candidate() -> None:
        begun.append(1)

    served = client.switch("search", ANYONE, legacy=finished.wait, candidate=candidate, compare=Comparison())
    await asyncio.to_thread(client.close)
    finished.set()
    await served
    await asyncio.sleep(0)
    assert (begun, client.status().comparisons_dropped) == ([], 1)
