"""What every component owes: an honest comparison that accepts its two sides and sees an altered answer."""

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from statistics import median
from time import process_time
from typing import TypeAlias

import pytest

from examples.airports.answers import Answer, Malformed, Params, Side
from examples.airports.component import Component
from examples.airports.components import build
from examples.airports.database import create_engine
from examples.airports.directory import Directory
from examples.airports.traffic.questions import COMPONENTS, Questions

SAMPLE = 160
MOST_MISMATCHES = 0.05
MOST_CPU_SECONDS = 0.005

Pairs: TypeAlias = list[tuple[Answer, Answer]]


@pytest.fixture(scope="module")
def pairs(postgres_url: str, directory: Directory, ready: Sequence[Component]) -> Mapping[str, Pairs]:
    """Both sides' answers to the same questions of the traffic."""

    async def ask_all() -> Mapping[str, Pairs]:
        engine = create_engine(postgres_url)
        components = build(engine, directory, ready=ready)
        try:
            return {component.name: await _ask(component) for component in components}
        finally:
            for component in components:
                await component.close()
            await engine.dispose()

    return asyncio.run(ask_all())


@pytest.fixture(params=COMPONENTS)
def component(request: pytest.FixtureRequest, components: Sequence[Component]) -> Component:
    return next(component for component in components if component.name == request.param)


async def _ask(component: Component) -> Pairs:
    questions = Questions(Random(17))
    asked = [questions.ask(component.name).params for _ in range(SAMPLE)]
    return [(await _answer(component.legacy, it), await _answer(component.candidate, it)) for it in asked]


async def _answer(side: Side, params: Params) -> Answer:
    try:
        return await side(params)
    except Malformed as error:
        return error.answer()


async def test_the_sides_agree_on_the_questions_of_the_traffic(
    component: Component, pairs: Mapping[str, Pairs]
) -> None:
    mismatches = [pair for pair in pairs[component.name] if component.differences(*pair)]
    assert len(mismatches) / SAMPLE <= MOST_MISMATCHES


async def test_an_altered_answer_is_seen(component: Component, pairs: Mapping[str, Pairs]) -> None:
    altered = [(legacy, component.alter(candidate)) for legacy, candidate in pairs[component.name]]
    seen = [pair for pair in altered if component.differences(*pair)]
    assert len(seen) / SAMPLE >= 0.95


async def test_an_altered_answer_keeps_its_shape(component: Component, pairs: Mapping[str, Pairs]) -> None:
    for _, candidate in pairs[component.name]:
        altered = component.alter(candidate)
        assert altered != candidate
        assert altered.status == candidate.status
        assert {key: type(value) for key, value in altered.body.items()} == {
            key: type(value) for key, value in candidate.body.items()
        }


async def test_another_status_is_a_difference(component: Component, pairs: Mapping[str, Pairs]) -> None:
    for legacy, candidate in pairs[component.name]:
        moved = Answer(candidate.body, status=418, media_type=candidate.media_type)
        assert component.differences(legacy, moved) == ["status"]


async def test_hostile_and_empty_questions_are_refused_or_answered_alike(
    component: Component, pairs: Mapping[str, Pairs]
) -> None:
    statuses = [(legacy.status, candidate.status) for legacy, candidate in pairs[component.name]]
    assert {status for pair in statuses for status in pair} <= {200, 400, 404, 422}
    assert {200, 400} <= {legacy for legacy, _ in statuses}


@pytest.mark.parametrize("variant", ["legacy", "candidate"])
async def test_a_side_costs_at_most_five_milliseconds_of_cpu(component: Component, variant: str) -> None:
    side, questions, costs = getattr(component, variant), Questions(Random(5)), []
    for _ in range(100):
        params = questions.ask(component.name).params
        began = process_time()
        await _answer(side, params)
        costs.append(process_time() - began)
    assert median(costs) <= MOST_CPU_SECONDS
