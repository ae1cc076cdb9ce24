from collections.abc import Mapping, Sequence
from typing import cast

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.answers import Answer, Malformed, Params
from examples.airports.component import Component
from examples.airports.components.alternates import Question, best, weigh
from examples.airports.components.repository_service_layer import NAME, alter, differences
from examples.airports.directory import Airport, Directory, distance_km
from tests.examples.airports.statements import statements

CODES = ["FRA", "kjfk", "PAAK", "NFFN", "NZSP", "LPPT", "UHMA", "LSZH"]


@pytest.fixture
def component(components: Sequence[Component]) -> Component:
    return next(component for component in components if component.name == NAME)


def _airport(icao: str, **changes: object) -> Airport:
    facts = {"name": "Field", "country": "DE", "elevation_ft": 100, "latitude": 50.0, "longitude": 8.0} | changes
    return Airport(icao=icao, iata="XXX", city="", subdivision="", time_zone="UTC", **facts)  # type: ignore[arg-type]


MEANT = _airport("EDDX")


def _listed(answer: Answer) -> list[Mapping[str, object]]:
    return cast("list[Mapping[str, object]]", answer.body["alternates"])


async def test_the_alternates_of_frankfurt_are_known(component: Component) -> None:
    answer = await component.candidate({"code": "FRA", "within_km": "200"})
    assert (answer.body["icao"], answer.body["within_km"]) == ("EDDF", 200)
    assert {"EDDL", "ETAR"} <= {one["icao"] for one in _listed(answer)}
    assert len(_listed(answer)) == 5
    assert cast("int", answer.body["considered"]) > 5


@pytest.mark.parametrize("within_km", ["50", "300"])
async def test_both_services_find_the_same(component: Component, directory: Directory, within_km: str) -> None:
    """Across the date line and at the pole, too."""
    for code in CODES:
        params = {"code": code, "within_km": within_km}
        legacy, candidate = await component.legacy(params), await component.candidate(params)
        assert legacy == candidate
        assert candidate.body["considered"] == _within(directory, code, int(within_km))


def _within(directory: Directory, code: str, within_km: int) -> int:
    """How many there are, found by looking at all airports."""
    meant = directory.find(code)
    assert meant is not None
    return sum(
        distance_km(meant.latitude, meant.longitude, one.latitude, one.longitude) <= within_km
        for one in directory.airports
        if one != meant and one.iata and one.elevation_ft <= 8000
    )


async def test_islands_on_both_sides_of_the_date_line_are_near_each_other(component: Component) -> None:
    fiji = await component.candidate({"code": "NFNM", "within_km": "300"})
    assert cast("int", fiji.body["considered"]) > 0


async def test_candidate_sends_one_query_where_legacy_sends_three_or_four(
    component: Component, airports_engine: AsyncEngine
) -> None:
    for code, expected in (("EDDF", 3), ("FRA", 4)):
        with statements(airports_engine) as legacy:
            await component.legacy({"code": code})
        with statements(airports_engine) as candidate:
            await component.candidate({"code": code})
        assert (len(legacy), len(candidate)) == (expected, 1)


async def test_an_unknown_airport_is_refused_alike(component: Component) -> None:
    legacy, candidate = await component.legacy({"code": "QQQ9"}), await component.candidate({"code": "QQQ9"})
    assert legacy == candidate
    assert (candidate.status, candidate.body["code"]) == (404, "unknown-airport")


async def test_an_airport_without_alternates_is_known_all_the_same(component: Component) -> None:
    for side in (component.legacy, component.candidate):
        answer = await side({"code": "NZSP", "within_km": "300"})
        assert (answer.status, answer.body["considered"], answer.body["alternates"]) == (200, 0, [])


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"code": "F!"},
        {"code": "a\x00b"},
        {"code": "FRA", "within_km": "49"},
        {"code": "FRA", "within_km": "301"},
        {"code": "FRA", "within_km": "1e2"},
        {"code": "FRA", "within_km": "٣٠٠"},
    ],
)
async def test_both_refuse_questions_that_make_no_sense(component: Component, params: Params) -> None:
    with pytest.raises(Malformed) as malformed:
        Question.read(params)
    assert (await component.legacy(params)) == malformed.value.answer()


def test_size_and_country_speak_for_an_alternate() -> None:
    plain, foreign = weigh(MEANT, _airport("EDDY")), weigh(MEANT, _airport("LFXX", country="FR"))
    big = weigh(MEANT, _airport("EDDZ", name="Big International Airport"))
    assert (plain.points, plain.reasons) == (150, ["same country"])
    assert (foreign.points, foreign.reasons) == (100, [])
    assert (big.points, big.reasons) == (250, ["international", "same country"])


def test_distance_and_height_speak_against_it() -> None:
    far, high = weigh(MEANT, _airport("EDDY", latitude=51.0)), weigh(MEANT, _airport("EDDY", elevation_ft=1_099))
    assert far.kilometres == pytest.approx(111.2, abs=0.1)
    assert far.points == 150 - 28
    assert (high.points, high.reasons) == (150 - 9, ["same country", "higher"])


def test_what_is_too_far_or_too_high_is_no_alternate() -> None:
    near, far = _airport("EDDY"), _airport("EDDZ", latitude=52.0)
    high, limit = _airport("EDDH", elevation_ft=8_001), _airport("EDDL", elevation_ft=8_000)
    assert [one.airport.icao for one in best(MEANT, [high, limit, far, near], 200)] == ["EDDY", "EDDL"]


async def test_every_field_and_the_order_count(component: Component) -> None:
    legacy = await component.legacy({"code": "FRA"})
    for name in legacy.body:
        assert differences(legacy, Answer({**legacy.body, name: None})) == [name]
    first, *rest = _listed(legacy)
    for name in first:
        wrong = [{**first, name: None}, *rest]
        assert differences(legacy, Answer({**legacy.body, "alternates": wrong})) == ["alternates"]
    assert differences(legacy, alter(legacy)) == ["alternates"]
