from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.answers import Answer, Malformed
from examples.airports.component import Component
from examples.airports.components.utilities_query_builder import NAME, Filters, differences, legacy_statement
from tests.examples.airports.statements import statements

INJECTIONS = ["'; DROP TABLE airports.airports; --", "' OR '1'='1", "\\' OR 1=1 --", "100%", "_", "\\", "$1", ":x"]


@pytest.fixture
def component(components: Sequence[Component]) -> Component:
    return next(component for component in components if component.name == NAME)


async def test_a_listing_is_narrowed_by_all_filters(component: Component) -> None:
    params = {"country": "ch", "min_elevation": "1000", "max_elevation": "2000", "prefix": "zür", "limit": "5"}
    answer = await component.candidate(params)
    assert answer.body == {
        "airports": [
            {
                "icao": "LSZH",
                "iata": "ZRH",
                "name": "Zurich Airport",
                "city": "Zurich",
                "country": "CH",
                "elevation_ft": 1416,
            }
        ],
        "more": False,
    }


@pytest.mark.parametrize("prefix", INJECTIONS)
async def test_hostile_prefixes_are_only_text(component: Component, airports_engine: AsyncEngine, prefix: str) -> None:
    legacy, candidate = await component.legacy({"prefix": prefix}), await component.candidate({"prefix": prefix})
    assert legacy.body == candidate.body == {"airports": [], "more": False}
    async with airports_engine.connect() as connection:
        assert await connection.scalar(text("select count(*) from airports.airports")) > 28_000


def test_legacy_escapes_quotes_and_patterns() -> None:
    statement = legacy_statement(Filters(country="'X", prefix="a%_\\'"))
    assert "country = '''X'" in statement
    assert "name_key LIKE 'a\\%\\_\\\\''%'" in statement


async def test_an_apostrophe_finds_the_airports_that_have_one(component: Component) -> None:
    for side in (component.legacy, component.candidate):
        answer = await side({"country": "US", "prefix": "Chicago O'H"})
        assert [row["icao"] for row in answer.body["airports"]] == ["KORD"]  # type: ignore[attr-defined]


async def test_candidate_sends_one_text_where_legacy_sends_many(
    component: Component, airports_engine: AsyncEngine
) -> None:
    questions = [{"country": country, "prefix": prefix} for country in ("DE", "FR", "IT") for prefix in "abcde"]
    with statements(airports_engine) as legacy:
        for params in questions:
            await component.legacy(params)
    with statements(airports_engine) as candidate:
        for params in questions:
            await component.candidate(params)
    assert len(set(legacy)) == len(questions)
    assert len(set(candidate)) == 1


async def test_a_page_is_fetched_once(component: Component, airports_engine: AsyncEngine) -> None:
    with statements(airports_engine) as seen:
        first, again = await component.candidate({"country": "NZ"}), await component.candidate({"country": "nz"})
    assert first == again
    assert len(seen) == 1


async def test_the_memory_used_grows_and_stays_within_the_budget(component: Component) -> None:
    usage = component.memory["candidate"].usage
    assert usage() == 0
    readings = []
    for elevation in range(0, 6_000, 20):
        await component.candidate({"min_elevation": str(elevation), "limit": "50"})
        readings.append(usage())
    assert 0 < readings[0] < readings[20]
    assert max(readings) == pytest.approx(0.6, abs=0.01)
    assert component.memory["legacy"].usage() == 0


@pytest.mark.parametrize(
    "params",
    [
        {"min_elevation": "high"},
        {"min_elevation": "٣"},
        {"min_elevation": "1e3"},
        {"max_elevation": "999999999999"},
        {"min_elevation": "10", "max_elevation": "9"},
        {"limit": "0"},
        {"limit": "51"},
        {"prefix": "a\x00"},
        {"prefix": "x" * 61},
        {"country": "DEU"},
    ],
)
def test_filters_that_make_no_sense_are_refused(params: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        Filters.read(params)


def test_another_order_is_a_difference() -> None:
    rows = [{"icao": "EDDF"}, {"icao": "EDDM"}]
    assert differences(Answer({"airports": rows}), Answer({"airports": rows[::-1]})) == ["airports"]
