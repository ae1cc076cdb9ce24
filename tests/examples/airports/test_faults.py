from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from examples.airports.answers import Answer, Params
from examples.airports.component import Component
from examples.airports.faults import SLOW_SECONDS, Fault, FaultInjected, Faults, Unsupported
from examples.airports.memory import Memory

NAME = "broken"
CALLS = 2000


async def _right(_: Params) -> Answer:
    return Answer({"value": 1})


COMPONENT = Component(
    name=NAME,
    legacy=_right,
    candidate=_right,
    differences=lambda legacy, candidate: [] if legacy == candidate else ["value"],
    alter=lambda answer: replace(answer, body={"value": 2}),
    probes=(),
)


@pytest.fixture
def faults() -> Faults:
    return Faults([COMPONENT], random=Random(4))


async def _share(faults: Faults, is_hit: Callable[[Answer | None], bool]) -> float:
    side, hits = faults.candidate(COMPONENT), 0
    for _ in range(CALLS):
        try:
            hits += is_hit(await side({}))
        except FaultInjected:
            hits += is_hit(None)
    return hits / CALLS


async def test_without_a_fault_every_answer_is_right(faults: Faults) -> None:
    assert faults.switched == {NAME: None}
    assert await _share(faults, lambda answer: answer == Answer({"value": 1})) == 1.0


async def test_errors_raises_on_thirty_percent_of_the_calls(faults: Faults) -> None:
    faults.switch(NAME, Fault.ERRORS)
    assert await _share(faults, lambda answer: answer is None) == pytest.approx(0.3, abs=0.04)


async def test_wrong_alters_twenty_percent_of_the_answers(faults: Faults) -> None:
    faults.switch(NAME, Fault.WRONG)
    assert await _share(faults, lambda answer: answer == Answer({"value": 2})) == pytest.approx(0.2, abs=0.04)


async def test_slow_waits_beyond_half_a_second_on_most_calls() -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    faults = Faults([COMPONENT], random=Random(4), sleep=wait)
    faults.switch(NAME, Fault.SLOW)
    assert await _share(faults, lambda answer: answer == Answer({"value": 1})) == 1.0
    assert waits.count(SLOW_SECONDS) / CALLS == pytest.approx(0.8, abs=0.04)
    assert SLOW_SECONDS > 0.5


async def test_a_fault_can_be_mended(faults: Faults) -> None:
    faults.switch(NAME, Fault.ERRORS)
    faults.switch(NAME, None)
    assert await _share(faults, lambda answer: answer is None) == 0.0


def test_there_are_faults_of_known_components_only(faults: Faults) -> None:
    with pytest.raises(KeyError):
        faults.switch("other", Fault.ERRORS)


async def test_memory_leaks_beyond_the_budget_with_each_call_of_candidate_until_it_is_mended() -> None:
    memory = {variant: Memory(100_000, lambda: 20_000) for variant in ("legacy", "candidate")}
    component = replace(COMPONENT, path="/broken", memory=memory)
    faults = Faults([component])
    side, usages = faults.candidate(component), []
    faults.switch(NAME, Fault.MEMORY)
    for _ in range(200):
        assert await side({}) == Answer({"value": 1})
        usages.append(memory["candidate"].usage())
    assert usages[:3] == [pytest.approx(0.22), pytest.approx(0.24), pytest.approx(0.26)]
    assert usages[-1] == usages[-2] == pytest.approx(3.2)
    assert memory["legacy"].usage() == 0.2
    faults.switch(NAME, None)
    assert memory["candidate"].usage() == 0.2


def test_connections_break_at_ten_percent_of_the_messages_while_they_shall(faults: Faults) -> None:
    assert not any(faults.breaks(NAME) for _ in range(CALLS))
    faults.switch(NAME, Fault.DROPS)
    assert sum(faults.breaks(NAME) for _ in range(CALLS)) / CALLS == pytest.approx(0.1, abs=0.03)


def test_a_component_has_the_faults_that_make_sense_for_it() -> None:
    plain = replace(COMPONENT, path="/broken")
    with_memory = replace(plain, memory={"candidate": Memory(1, lambda: 0)})
    always = ["errors", "wrong", "slow"]
    expected = [(plain, always), (with_memory, [*always, "memory"]), (COMPONENT, [*always, "drops"])]
    for component, supported in expected:
        assert Faults([component]).supported == {NAME: supported}
    with pytest.raises(Unsupported, match="broken can have the faults errors, wrong, slow"):
        Faults([plain]).switch(NAME, Fault.MEMORY)
