from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from examples.airports.answers import Answer, Params
from examples.airports.component import Component
from examples.airports.crosschecks.crosscheck import PHASES, CrossCheck
from examples.airports.faults import Faults
from examples.airports.serving import Sides, sides_of
from examples.airports.traffic.questions import COMPONENTS


def _sides(components: Sequence[Component]) -> Mapping[str, Sides]:
    return sides_of(components, Faults(components))


async def test_all_components_tell_the_same_story(components: Sequence[Component]) -> None:
    assert await CrossCheck(_sides(components)).findings(PHASES[-1]) == []


@pytest.mark.parametrize("name", COMPONENTS)
async def test_one_candidate_that_answers_otherwise_is_found(components: Sequence[Component], name: str) -> None:
    def altered(component: Component) -> Component:
        async def candidate(params: Params) -> Answer:
            return component.alter(await component.candidate(params))

        return replace(component, candidate=candidate)

    sides = _sides([altered(component) if component.name == name else component for component in components])
    assert await CrossCheck(sides).findings(PHASES[-1]) != []


async def test_a_check_is_of_its_phase_and_those_before_it(components: Sequence[Component]) -> None:
    async def lost(_: Params) -> Answer:
        raise ConnectionError

    sides = _sides(
        [
            replace(component, candidate=lost) if component.name == "search-fuzzy" else component
            for component in components
        ]
    )
    found = {phase: await CrossCheck(sides).findings(phase) for phase in PHASES}
    expected = [{"component": "search", "finding": "raised ConnectionError"}]
    assert found == {phase: [] if phase == "utilities" else expected for phase in PHASES}
