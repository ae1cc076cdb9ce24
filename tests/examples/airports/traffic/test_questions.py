from random import Random

import pytest

from examples.airports.traffic.questions import COMPONENTS, HOSTILE, PEOPLE, SEARCH, Questions


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
