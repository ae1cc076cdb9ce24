from collections.abc import Sequence

import pytest

from examples.airports.answers import Answer, Malformed
from examples.airports.component import Component
from examples.airports.components.search_simple_matching import MOST_HITS, NAME, FullScan, PrefixIndex, differences
from examples.airports.directory import Directory

PREFIXES = ["a", "fran", "frankfurt am main international airport", "zz", "zurich", "sao ", "1", "ÿ", "zzzzz"]


@pytest.fixture(scope="module")
def component(ready: Sequence[Component]) -> Component:
    return next(component for component in ready if component.name == NAME)


def test_the_index_finds_what_the_scan_finds(directory: Directory) -> None:
    scan, index = FullScan(directory), PrefixIndex(directory)
    found = [(scan(prefix), index(prefix)) for prefix in PREFIXES]
    assert [legacy for legacy, _ in found] == [candidate for _, candidate in found]
    assert [len(legacy) for legacy, _ in found][:3] == [MOST_HITS, MOST_HITS, 1]


@pytest.mark.parametrize("begins", ["Zürich", "ZURICH  air", "zu"])
async def test_names_are_found_by_their_beginning_whatever_the_accents(component: Component, begins: str) -> None:
    for side in (component.legacy, component.candidate):
        hits = (await side({"begins": begins})).body["hits"]
        assert "LSZH" in [hit["icao"] for hit in hits]  # type: ignore[attr-defined]


async def test_the_most_important_come_first(component: Component, directory: Directory) -> None:
    hits = (await component.candidate({"begins": "san"})).body["hits"]
    found = [directory.find(hit["icao"]) for hit in hits]  # type: ignore[attr-defined]
    ranks = [(-airport.importance, airport.icao) for airport in found if airport]
    assert ranks == sorted(ranks)
    assert len(ranks) == MOST_HITS


@pytest.mark.parametrize("begins", ["", "  ", "...", "a\x00", "x" * 61])
async def test_a_beginning_that_makes_no_sense_is_refused(component: Component, begins: str) -> None:
    for side in (component.legacy, component.candidate):
        with pytest.raises(Malformed):
            await side({"begins": begins})


def test_both_sides_declare_what_they_keep(component: Component) -> None:
    assert 0.1 < component.memory["legacy"].usage() < component.memory["candidate"].usage() < 0.6


def test_every_hit_and_their_order_count() -> None:
    first, second = {"icao": "EDDF", "name": "Frankfurt"}, {"icao": "EDFH", "name": "Hahn"}
    legacy = Answer({"query": "f", "hits": [first, second]})
    assert differences(legacy, legacy) == []
    assert differences(legacy, Answer({"query": "f", "hits": [second, first]})) == ["hits.0", "hits.1"]
    assert differences(legacy, Answer({"query": "f", "hits": [first]})) == ["hits"]
    assert differences(legacy, Answer({"query": "f", "hits": [first, {**second, "name": "Hahm"}]})) == ["hits.1"]
