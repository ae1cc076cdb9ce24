from collections.abc import Sequence
from random import Random

import pytest

from examples.airports.answers import Answer, Malformed
from examples.airports.component import Component
from examples.airports.components.utilities_ml_service import NAME, Canned, Model, _listed, differences, unlikeness_km
from examples.airports.directory import Airport, Directory


@pytest.fixture(scope="module")
def component(ready: Sequence[Component]) -> Component:
    return next(component for component in ready if component.name == NAME)


@pytest.fixture(scope="module")
def model(directory: Directory) -> Model:
    return Model(directory)


@pytest.fixture(scope="module")
def canned(directory: Directory) -> Canned:
    return Canned(directory)


@pytest.fixture
def frankfurt(directory: Directory) -> Airport:
    found = directory.find("FRA")
    assert found is not None
    return found


def _answer(subject: Airport, similar: Sequence[Airport]) -> Answer:
    return Answer({"airport": subject.icao, "similar": [_listed(subject, other) for other in similar]})


def test_the_model_finds_what_a_search_through_all_airports_finds(directory: Directory, model: Model) -> None:
    for airport in Random(3).sample(directory.airports, 10):
        others = (other for other in directory.airports if other != airport)
        nearest = min(others, key=lambda other: unlikeness_km(airport, other))
        best = unlikeness_km(airport, model(airport)[0])
        assert best <= 1.75 * unlikeness_km(airport, nearest)


def test_the_model_recommends_airports_that_are_more_alike(directory: Directory, model: Model, canned: Canned) -> None:
    sample = Random(4).sample(directory.airports, 300)
    ours = [sum(unlikeness_km(airport, other) for other in canned(airport)) for airport in sample]
    theirs = [sum(unlikeness_km(airport, other) for other in model(airport)) for airport in sample]
    assert sum(their <= our for our, their in zip(ours, theirs, strict=True)) == 300
    assert sum(theirs) < sum(ours) / 10


def test_big_airports_come_with_big_ones(model: Model, frankfurt: Airport) -> None:
    assert {other.importance for other in model(frankfurt)} == {2}


def test_the_canned_list_is_the_same_for_a_whole_country(
    canned: Canned, directory: Directory, frankfurt: Airport
) -> None:
    small = directory.find("EDKA")
    assert small is not None
    assert {other.country for other in canned(frankfurt)} == {"DE"}
    assert set(canned(small)) - set(canned(frankfurt)) <= {frankfurt}


async def test_a_code_without_an_airport_and_none_are_told(component: Component) -> None:
    for side in (component.legacy, component.candidate):
        answer = await side({"like": "QQQ9"})
        assert (answer.status, answer.body["code"]) == (404, "unknown-airport")
        for code in ("", "fran k", "FRANK", "\uff26\uff32\uff21", "'; --"):
            with pytest.raises(Malformed):
                await side({"like": code})


async def test_both_sides_declare_what_they_keep(component: Component) -> None:
    assert 0 < component.memory["legacy"].usage() < component.memory["candidate"].usage() < 0.5


def test_recommendations_that_are_not_true_are_differences(
    directory: Directory, model: Model, canned: Canned, frankfurt: Airport
) -> None:
    legacy, alike = _answer(frankfurt, canned(frankfurt)), model(frankfurt)
    unlike = [directory.airports[place] for place in range(0, 20_000, 4_000)]
    unlike.sort(key=lambda other: unlikeness_km(frankfurt, other))
    assert differences(legacy, _answer(frankfurt, alike), directory) == []
    expected = {
        ("similar.distinct", "similar.order"): [*alike[:4], frankfurt],
        ("similar.order",): [*alike[1:], alike[0]],
        ("similar.distinct",): [*alike[:4], alike[3]],
        ("similar.alike",): unlike,
    }
    for paths, wrong in expected.items():
        assert tuple(differences(legacy, _answer(frankfurt, wrong), directory)) == paths
    assert differences(legacy, _answer(frankfurt, alike[:4]), directory) == ["similar.distinct"]
    assert differences(legacy, _answer(alike[0], alike), directory) == ["airport"]


@pytest.mark.parametrize("field", ["icao", "name", "city", "country", "elevation_ft", "km"])
def test_every_field_of_a_recommendation_counts(
    directory: Directory, model: Model, canned: Canned, frankfurt: Airport, field: str
) -> None:
    listed = [_listed(frankfurt, other) for other in model(frankfurt)]
    listed[2] |= {field: 7.0 if field in {"elevation_ft", "km"} else "none"}
    wrong = Answer({"airport": "EDDF", "similar": listed})
    assert "similar.2" in differences(_answer(frankfurt, canned(frankfurt)), wrong, directory)
