from random import Random

import pytest

from examples.airports.answers import Answer
from examples.airports.components.search_fuzzy import (
    CandidateSearch,
    Hit,
    LegacySearch,
    differences,
    edit_distance,
    resemblance,
)
from examples.airports.directory import Airport, Directory
from examples.airports.text import essence

FRANKFURT: Hit = {
    "icao": "EDDF",
    "iata": "FRA",
    "name": "Frankfurt am Main International Airport",
    "city": "Frankfurt am Main",
    "country": "DE",
    "score": 1.0,
}
MUNICH: Hit = {**FRANKFURT, "icao": "EDDM", "iata": "MUC", "name": "Munich Airport", "city": "Munich"}


@pytest.mark.parametrize(
    ("left", "right", "distance"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("same", "same", 0), ("flaw", "lawn", 2), ("heathrow", "heatrow", 1)],
)
def test_the_edit_distance_by_hand_is_levenshtein(left: str, right: str, distance: int) -> None:
    assert edit_distance(left, right, limit=5) == distance


def test_a_distance_beyond_the_limit_is_not_worked_out() -> None:
    assert edit_distance("frankfurt", "barcelona", limit=2) == 3


@pytest.mark.parametrize(
    ("query", "icao"), [("heatrow", "EGLL"), ("charles de gaule", "LFPG"), ("jfk", "KJFK"), ("san fransisco", "KSFO")]
)
def test_both_forgive_a_typing_error(
    legacy_search: LegacySearch, candidate_search: CandidateSearch, query: str, icao: str
) -> None:
    assert legacy_search(query)[0]["icao"] == icao
    assert candidate_search(query)[0]["icao"] == icao


@pytest.mark.parametrize(
    ("query", "icao"),
    [("eathrow", "EGLL"), ("gaulle charles de", "LFPG"), ("sydney kingsford", "YSSY"), ("Ürich", "LSZH")],
)
def test_candidate_finds_what_legacy_does_not(
    legacy_search: LegacySearch, candidate_search: CandidateSearch, query: str, icao: str
) -> None:
    assert icao not in [hit["icao"] for hit in legacy_search(query)]
    assert icao in [hit["icao"] for hit in candidate_search(query)]


def _mistyped(name: str, random: Random) -> str:
    place = random.randrange(len(name))
    name = name[:place] + name[place + 1 :]
    place = random.randrange(len(name))
    return name[:place] + random.choice("áéíóúñ") + name[place + 1 :]


def _recall(search: LegacySearch | CandidateSearch, wanted: list[tuple[str, Airport]]) -> float:
    found = [airport for query, airport in wanted if airport.icao in [hit["icao"] for hit in search(query)]]
    return len(found) / len(wanted)


def test_candidate_finds_more_airports_by_mistyped_names(
    directory: Directory, legacy_search: LegacySearch, candidate_search: CandidateSearch
) -> None:
    random = Random(11)
    international = [airport for airport in directory.airports if airport.importance == 2]
    chosen = random.sample(international, 300)
    wanted = [(_mistyped(essence(airport.name.lower()), random), airport) for airport in chosen]
    legacy, candidate = _recall(legacy_search, wanted), _recall(candidate_search, wanted)
    assert candidate > 0.75
    assert candidate > legacy + 0.2


def test_hits_resemble_the_query_and_fall_in_score(candidate_search: CandidateSearch) -> None:
    hits = candidate_search("San Fransisco")
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)  # type: ignore[type-var]
    assert len({str(hit["icao"]) for hit in hits}) == len(hits) <= 5


def test_a_code_resembles_its_airport_entirely() -> None:
    assert resemblance("fra", FRANKFURT) == 1.0


def _answer(*hits: Hit) -> Answer:
    return Answer({"query": "Frankfurt am Main", "hits": list(hits)})


def test_another_top_hit_is_a_difference_where_legacy_is_sure() -> None:
    assert differences(_answer(FRANKFURT), _answer(FRANKFURT)) == []
    assert differences(_answer(FRANKFURT), _answer(MUNICH)) == ["hits.0", "hits.top"]
    assert differences(_answer(FRANKFURT), _answer()) == ["hits.top"]


def test_candidate_may_find_more_but_nothing_that_is_unlike() -> None:
    assert differences(_answer(), _answer(FRANKFURT)) == []
    assert differences(_answer(), _answer(MUNICH)) == ["hits.0"]


def test_an_airport_that_comes_twice_or_too_early_is_a_difference() -> None:
    assert differences(_answer(FRANKFURT), _answer(FRANKFURT, FRANKFURT)) == ["hits.order"]
    low = {**FRANKFURT, "score": 0.5}
    other = {**FRANKFURT, "icao": "EDFE"}
    assert differences(_answer(FRANKFURT), _answer(low, other)) == ["hits.order"]
