from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from examples.airports.answers import Answer, Params
from examples.airports.component import Component
from examples.airports.faults import SLOW_SECONDS, Fault, FaultInjected, Faults

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
    return Faults([NAME], random=Random(4))


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

    faults = Faults([NAME], random=Random(4), sleep=wait)
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
