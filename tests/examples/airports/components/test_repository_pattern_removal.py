from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import mean

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.answers import Answer, Malformed, Params
from examples.airports.component import Component
from examples.airports.components.repository_pattern_removal import NAME, differences
from examples.airports.components.standings import Question, read
from examples.airports.directory import Directory
from tests.examples.airports.statements import statements

CODES = ["FRA", "kjfk", "VNLT", "VNKL", "NZSP", "SBGR", "LSZH"]


@pytest.fixture
def component(components: Sequence[Component]) -> Component:
    return next(component for component in components if component.name == NAME)


def _expected(directory: Directory, code: str, neighbours: int) -> Mapping[str, object]:
    """The standing, found by sorting all airports of the country."""
    airport = directory.find(code)
    assert airport is not None
    country = [one for one in directory.airports if one.country == airport.country]
    ordered = sorted(country, key=lambda one: (-one.elevation_ft, one.icao))
    place = ordered.index(airport)
    higher, lower = ordered[max(0, place - neighbours) : place][::-1], ordered[place + 1 : place + 1 + neighbours]
    return {
        "icao": airport.icao,
        "name": airport.name,
        "country": airport.country,
        "elevation_ft": airport.elevation_ft,
        "rank": place + 1,
        "of": len(country),
        "mean_ft": pytest.approx(mean(one.elevation_ft for one in country), abs=0.051),
        "higher": [{"icao": one.icao, "elevation_ft": one.elevation_ft} for one in higher],
        "lower": [{"icao": one.icao, "elevation_ft": one.elevation_ft} for one in lower],
    }


@pytest.mark.parametrize("neighbours", [0, 5])
async def test_both_find_the_rank_and_the_neighbours(
    component: Component, directory: Directory, neighbours: int
) -> None:
    for code in CODES:
        params = {"code": code, "neighbours": str(neighbours)}
        expected = _expected(directory, code, neighbours)
        assert (await component.legacy(params)).body == expected
        assert (await component.candidate(params)).body == expected


async def test_the_highest_has_nothing_above_and_the_lowest_nothing_below(component: Component) -> None:
    for side in (component.legacy, component.candidate):
        highest, lowest = await side({"code": "VNLT"}), await side({"code": "ENCN"})
        assert (highest.body["rank"], highest.body["higher"]) == (1, [])
        assert lowest.body["rank"] != 1
        assert lowest.body["higher"] != []


async def test_an_unknown_airport_is_refused_alike(component: Component) -> None:
    legacy, candidate = await component.legacy({"code": "QQQ9"}), await component.candidate({"code": "QQQ9"})
    assert legacy == candidate
    assert (candidate.status, candidate.body["code"]) == (404, "unknown-airport")


async def test_candidate_needs_two_statements_where_legacy_needs_five(
    component: Component, airports_engine: AsyncEngine
) -> None:
    with statements(airports_engine) as legacy:
        await component.legacy({"code": "FRA"})
    with statements(airports_engine) as candidate:
        await component.candidate({"code": "FRA"})
    assert (len(legacy), len(candidate)) == (5, 2)


async def test_legacys_transaction_ends_with_its_answer(component: Component, airports_engine: AsyncEngine) -> None:
    await component.legacy({"code": "FRA"})
    async with airports_engine.connect() as connection:
        assert await connection.scalar(text("show transaction_isolation")) == "read committed"
    async with airports_engine.connect() as connection:
        idle = "select count(*) from pg_stat_activity where state like 'idle in transaction%'"
        assert await connection.scalar(text(idle)) == 0


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"code": " "},
        {"code": "F!"},
        {"code": "' OR 1=1"},
        {"code": "\uff26\uff32\uff21"},
        {"code": "FRA", "neighbours": "6"},
        {"code": "FRA", "neighbours": "-1"},
        {"code": "FRA", "neighbours": "٣"},
        {"code": "FRA", "neighbours": "1\x00"},
    ],
)
def test_questions_that_make_no_sense_are_refused(params: Params) -> None:
    with pytest.raises(Malformed):
        read(params)


def test_without_a_number_there_are_two_neighbours() -> None:
    assert read({"code": " fra ", "neighbours": " "}) == Question("FRA", 2)


async def test_every_field_counts(component: Component) -> None:
    legacy = await component.legacy({"code": "FRA"})
    for name in legacy.body:
        assert differences(legacy, Answer({**legacy.body, name: None})) == [name]


async def test_the_mean_may_be_rounded_otherwise_and_no_more(component: Component) -> None:
    legacy = await component.legacy({"code": "FRA"})
    mean_ft = legacy.body["mean_ft"]
    assert isinstance(mean_ft, float)
    assert differences(legacy, replace(legacy, body={**legacy.body, "mean_ft": mean_ft + 0.1})) == []
    assert differences(legacy, replace(legacy, body={**legacy.body, "mean_ft": mean_ft + 0.2})) == ["mean_ft"]
