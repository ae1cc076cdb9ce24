from collections.abc import Sequence
from random import Random

import pytest

from examples.airports.component import Component
from examples.airports.traffic.asking.asked import Asked
from examples.airports.traffic.asking.material import HOSTILE, PEOPLE
from examples.airports.traffic.asking.search import SEARCH
from examples.airports.traffic.questions import COMPONENTS, LINES, PATHS, Questions


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_same_seed_asks_the_same(component: str) -> None:
    first, second = Questions(Random(3)), Questions(Random(3))
    assert [first.ask(component) for _ in range(50)] == [second.ask(component) for _ in range(50)]


def test_the_people_are_a_fixed_population() -> None:
    questions = Questions(Random(1))
    people = {questions.person() for _ in range(20_000)}
    assert len(people) == PEOPLE
    assert "u-0017" in people


def test_searches_hold_accents_codes_and_attacks() -> None:
    questions = Questions(Random(2))
    texts = {questions.ask(SEARCH).params["q"] for _ in range(3000)}
    assert texts > set(HOSTILE)
    assert sum(not text.isascii() for text in texts) > 100
    assert sum(len(text) in {3, 4} and text.islower() for text in texts) > 100


async def test_the_traffic_knows_the_components_and_addresses_of_the_application(
    components: Sequence[Component],
) -> None:
    assert tuple(component.name for component in components) == COMPONENTS
    assert {component.name: component.path for component in components if component.path} == PATHS
    assert set(LINES) == set(COMPONENTS) - set(PATHS)


def test_a_component_is_asked_in_one_way() -> None:
    with pytest.raises(ValueError, match="over a connection"):
        Asked("neither", lambda _: {})
