"""What every component owes: an honest comparison that accepts its two sides and sees an altered answer."""

from collections.abc import AsyncIterator, Sequence
from random import Random
from statistics import median
from time import process_time

import pytest

from examples.airports.answers import Answer, Malformed, Params, Side
from examples.airports.component import Component
from examples.airports.traffic.questions import COMPONENTS, Questions

SAMPLE = 400
MOST_MISMATCHES = 0.05
MOST_CPU_SECONDS = 0.005


@pytest.fixture(params=COMPONENTS)
def component(request: pytest.FixtureRequest, components: Sequence[Component]) -> Component:
    return next(component for component in components if component.name == request.param)


async def _answer(side: Side, params: Params) -> Answer:
    try:
        return await side(params)
    except Malformed as error:
        return error.answer()


async def _both(component: Component) -> AsyncIterator[tuple[Answer, Answer]]:
    questions = Questions(Random(17))
    for _ in range(SAMPLE):
        params = questions.ask(component.name).params
        yield await _answer(component.legacy, params), await _answer(component.candidate, params)


async def test_the_sides_agree_on_the_questions_of_the_traffic(component: Component) -> None:
    pairs = [pair async for pair in _both(component)]
    mismatches = [pair for pair in pairs if component.differences(*pair)]
    assert len(mismatches) / len(pairs) <= MOST_MISMATCHES


async def test_an_altered_answer_is_seen(component: Component) -> None:
    pairs = [pair async for pair in _both(component)]
    seen = [legacy for legacy, candidate in pairs if component.differences(legacy, component.alter(candidate))]
    assert len(seen) / len(pairs) >= 0.95


async def test_an_altered_answer_keeps_its_shape(component: Component) -> None:
    async for _, candidate in _both(component):
        altered = component.alter(candidate)
        assert altered != candidate
        assert altered.status == candidate.status
        assert {key: type(value) for key, value in altered.body.items()} == {
            key: type(value) for key, value in candidate.body.items()
        }


async def test_another_status_is_a_difference(component: Component) -> None:
    async for legacy, candidate in _both(component):
        moved = Answer(candidate.body, status=418, media_type=candidate.media_type)
        assert component.differences(legacy, moved) == ["status"]


async def test_hostile_and_empty_questions_are_refused_or_answered_alike(component: Component) -> None:
    statuses = [(legacy.status, candidate.status) async for legacy, candidate in _both(component)]
    assert {status for pair in statuses for status in pair} <= {200, 400, 404, 422}
    assert {400} < {legacy for legacy, _ in statuses}


@pytest.mark.parametrize("variant", ["legacy", "candidate"])
async def test_a_side_costs_at_most_five_milliseconds_of_cpu(component: Component, variant: str) -> None:
    side, questions, costs = getattr(component, variant), Questions(Random(5)), []
    for _ in range(200):
        params = questions.ask(component.name).params
        began = process_time()
        await _answer(side, params)
        costs.append(process_time() - began)
    assert median(costs) <= MOST_CPU_SECONDS
