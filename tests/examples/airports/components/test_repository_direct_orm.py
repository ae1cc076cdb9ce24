from collections.abc import Mapping, Sequence
from typing import cast

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.answers import Answer, Malformed, Side
from examples.airports.component import Component
from examples.airports.components.repository_direct_orm import NAME, Near, differences, read
from examples.airports.directory import Directory, distance_km
from tests.examples.airports.statements import statements

PLACES = {
    "in a crowd": {"lat": "41.9", "lon": "-87.9", "radius_km": "50"},
    "across the date line": {"lat": "-16.7", "lon": "-179.99", "radius_km": "100"},
    "across the date line from the west": {"lat": "-16.7", "lon": "179.99", "radius_km": "100"},
    "at the south pole": {"lat": "-90", "lon": "0", "radius_km": "100"},
    "near the north pole": {"lat": "82.5", "lon": "-62.3", "radius_km": "100"},
    "in the ocean": {"lat": "0", "lon": "-30", "radius_km": "100"},
    "at no distance": {"lat": "50.0264", "lon": "8.54313", "radius_km": "0"},
}


@pytest.fixture
def component(components: Sequence[Component]) -> Component:
    return next(component for component in components if component.name == NAME)


async def _found(side: Side, params: Mapping[str, str]) -> list[object]:
    return [row["icao"] for row in cast("list[dict[str, object]]", (await side(params)).body["airports"])]


def _nearest(directory: Directory, near: Near) -> list[str]:
    away = [
        (distance_km(near.latitude, near.longitude, airport.latitude, airport.longitude), airport.icao)
        for airport in directory.airports
    ]
    return [icao for distance, icao in sorted(away) if distance <= near.radius_km][:10]


@pytest.mark.parametrize("place", PLACES)
async def test_both_find_the_nearest_airports(component: Component, directory: Directory, place: str) -> None:
    params = PLACES[place]
    near = read(params)
    assert isinstance(near, Near)
    expected = _nearest(directory, near)
    assert await _found(component.legacy, params) == expected
    assert await _found(component.candidate, params) == expected


async def test_airports_lie_beyond_the_date_line_and_at_the_pole(component: Component) -> None:
    assert "NZSP" in await _found(component.candidate, PLACES["at the south pole"])
    assert await _found(component.candidate, PLACES["across the date line"])


async def test_both_find_the_airports_of_a_city(component: Component) -> None:
    for side in (component.legacy, component.candidate):
        assert await _found(side, {"city": "ZÜRICH", "country": "ch"}) == ["LSMD", "LSZH"]
        assert "KFFT" in await _found(side, {"city": "Frankfort"})
        assert await _found(side, {"city": "Atlantis"}) == []


async def test_candidate_asks_the_database_once_where_legacy_asks_for_each(
    component: Component, airports_engine: AsyncEngine
) -> None:
    with statements(airports_engine) as legacy:
        found = await _found(component.legacy, PLACES["in a crowd"])
    with statements(airports_engine) as candidate:
        await _found(component.candidate, PLACES["in a crowd"])
    assert len(legacy) == len(found) + 1 == 11
    assert len(candidate) == 1


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"lat": "nan", "lon": "0"},
        {"lat": "1e999", "lon": "0"},
        {"lat": "90.01", "lon": "0"},
        {"lat": "0", "lon": "181"},
        {"lat": "0", "lon": "0", "radius_km": "-1"},
        {"lat": "0", "lon": "0", "radius_km": "101"},
        {"city": " "},
        {"city": "a\x00"},
        {"city": "Paris", "country": "France"},
    ],
)
def test_places_that_make_no_sense_are_refused(params: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        read(params)


def _answer(*airports: Mapping[str, object]) -> Answer:
    return Answer({"airports": list(airports)})


NEAR: Mapping[str, object] = {"icao": "EDDF", "name": "Frankfurt", "distance_km": 4.256}
FAR: Mapping[str, object] = {"icao": "EDFE", "name": "Egelsbach", "distance_km": 14.0}


def test_distances_may_differ_by_metres() -> None:
    assert differences(_answer(NEAR), _answer({**NEAR, "distance_km": 4.259})) == []
    assert differences(_answer(NEAR), _answer({**NEAR, "distance_km": 4.3})) == ["airports.0"]


def test_airports_as_close_together_may_change_places() -> None:
    twin = {**FAR, "distance_km": 4.256}
    assert differences(_answer(NEAR, twin), _answer(twin, NEAR)) == []
    assert differences(_answer(NEAR, FAR), _answer(FAR, NEAR)) == ["airports.0", "airports.1"]


def test_another_airport_or_field_is_a_difference() -> None:
    assert differences(_answer(NEAR), _answer({**NEAR, "name": "Frankfort"})) == ["airports"]
    assert differences(_answer(NEAR), _answer()) == ["airports"]
