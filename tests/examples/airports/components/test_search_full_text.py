from collections.abc import Sequence
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.answers import Answer, Malformed
from examples.airports.component import Component
from examples.airports.components.search_full_text import (
    MOST_HITS,
    NAME,
    Hit,
    candidate_statement,
    differences,
    legacy_statement,
    read,
    tsquery,
)

FRANKFURT: Hit = {
    "icao": "EDDF",
    "iata": "FRA",
    "name": "Frankfurt am Main International Airport",
    "city": "Frankfurt-am-Main",
    "country": "DE",
    "importance": 2,
}
HAHN: Hit = {**FRANKFURT, "icao": "EDFH", "iata": "HHN", "name": "Frankfurt-Hahn Airport", "importance": 1}
BERLIN: Hit = {**FRANKFURT, "icao": "EDDB", "name": "Berlin", "city": "Berlin"}


@pytest.fixture
def component(components: Sequence[Component]) -> Component:
    return next(component for component in components if component.name == NAME)


async def _found(component: Component, variant: str, words: str) -> list[str]:
    answer: Answer = await getattr(component, variant)({"words": words})
    return [hit["icao"] for hit in answer.body["hits"]]  # type: ignore[attr-defined]


@pytest.mark.parametrize("words", ["frankfurt", "Zürich", "ZURICH", "main fran", "kennedy inter", "são paulo"])
async def test_both_find_words_in_a_row_whatever_their_accents(component: Component, words: str) -> None:
    legacy, candidate = await _found(component, "legacy", words), await _found(component, "candidate", words)
    assert candidate
    assert set(legacy) <= set(candidate)


async def test_candidate_finds_words_apart_and_in_any_order(component: Component) -> None:
    assert "KJFK" in await _found(component, "candidate", "kennedy john")
    assert await _found(component, "legacy", "kennedy john") == []


async def test_legacy_finds_the_middle_of_a_word(component: Component) -> None:
    assert "EGLL" in await _found(component, "legacy", "eathrow")
    assert await _found(component, "candidate", "eathrow") == []


@pytest.mark.parametrize(
    "words", ["'; DROP TABLE airports.airports; --", "' | 'a", "a & !b", "\\", "100%", "a:*b", "<->"]
)
async def test_operators_are_only_text(component: Component, words: str) -> None:
    for side in (component.legacy, component.candidate):
        with suppress(Malformed):
            assert (await side({"words": words})).status == 200


def test_a_query_consists_of_quoted_words() -> None:
    assert tsquery("kennedy john f") == "'kennedy' & 'john' & 'f':*"


async def test_candidate_asks_the_index_and_legacy_reads_the_table(airports_engine: AsyncEngine) -> None:
    plans = []
    for statement in (legacy_statement("frankfurt"), candidate_statement("frankfurt")):
        compiled = statement.compile(airports_engine.sync_engine, compile_kwargs={"literal_binds": True})
        async with airports_engine.connect() as connection:
            lines = await connection.execute(text("explain " + str(compiled).replace(":*", "\\:*")))
            plans.append("\n".join(str(line[0]) for line in lines))
    assert "Seq Scan on texts" in plans[0]
    assert "ix_texts_document" in plans[1]


@pytest.mark.parametrize("words", ["", "   ", "---", "a\x00b", "x" * 81])
def test_words_that_make_no_sense_are_refused(words: str) -> None:
    with pytest.raises(Malformed):
        read({"words": words})


def _answer(*hits: Hit, query: str = "frankfurt") -> Answer:
    return Answer({"query": query, "hits": list(hits)})


def test_what_both_ways_find_must_be_in_both_answers() -> None:
    both = _answer(FRANKFURT, HAHN)
    assert differences(both, both) == []
    assert differences(both, _answer(FRANKFURT)) == ["hits.missing"]
    assert differences(_answer(FRANKFURT), both) == ["hits.surplus"]
    assert differences(both, _answer(FRANKFURT, {**HAHN, "country": "FR"})) == ["hits.missing", "hits.surplus"]


def test_what_only_one_way_finds_is_no_difference() -> None:
    assert differences(_answer(FRANKFURT, query="ankfurt"), _answer(query="ankfurt")) == []
    assert differences(_answer(query="main frankfurt"), _answer(FRANKFURT, query="main frankfurt")) == []


def test_a_hit_without_the_words_twice_or_too_early_is_a_difference() -> None:
    assert differences(_answer(), _answer(BERLIN)) == ["hits.0"]
    assert differences(_answer(FRANKFURT), _answer(FRANKFURT, FRANKFURT)) == ["hits.order"]
    assert differences(_answer(FRANKFURT, HAHN), _answer(HAHN, FRANKFURT)) == ["hits.order"]


def test_a_full_answer_may_lack_what_would_come_after_it() -> None:
    full = [{**FRANKFURT, "icao": f"EDD{place}"} for place in range(MOST_HITS)]
    assert differences(_answer(*full[:-1], HAHN), _answer(*full)) == ["hits.surplus"]
    assert differences(_answer(*full), _answer(*full[:-1], {**FRANKFURT, "icao": "EDDX"})) == ["hits.missing"]
    assert differences(_answer(HAHN, query="am"), _answer(*full, query="am")) == ["hits.surplus"]
