"""The airports whose names begin as somebody types: a full scan (legacy), a prefix index (candidate).

Both know the same spelling of the names and answer with at most ten airports, the most important first. Legacy looks
at every name each time; candidate keeps them sorted, finds the first by bisection and stops behind the last.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from heapq import nsmallest
from http import HTTPStatus
from sys import getsizeof
from typing import TypeAlias, cast

from examples.airports.answers import Answer, Malformed, Params
from examples.airports.component import Component, differing
from examples.airports.directory import Airport, Directory
from examples.airports.memory import Memory
from examples.airports.text import fold, is_clean, words

NAME = "search-simple-matching"
MOST_HITS = 10
LONGEST_PREFIX = 60
INDEX_BUDGET_BYTES = 8 << 20

Match: TypeAlias = Callable[[str], Sequence[Airport]]
Hit: TypeAlias = dict[str, object]


class FullScan:
    """Legacy: every name, each time."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._keys = [spelling(airport) for airport in directory.airports]
        self.kept_bytes = _bytes(self._keys)

    def __call__(self, prefix: str) -> Sequence[Airport]:
        """The airports that begin like this, the most important first."""
        return best(self._directory, (place for place, key in enumerate(self._keys) if key.startswith(prefix)))


class PrefixIndex:
    """Candidate: all names in order; those with one beginning lie side by side."""

    def __init__(self, directory: Directory) -> None:
        pairs = sorted((spelling(airport), place) for place, airport in enumerate(directory.airports))
        self._directory = directory
        self._keys = [key for key, _ in pairs]
        self._places = [place for _, place in pairs]
        self.kept_bytes = _bytes(self._keys) + getsizeof(self._places)

    def __call__(self, prefix: str) -> Sequence[Airport]:
        """The airports that begin like this, the most important first."""
        return best(self._directory, self._matching(prefix))

    def _matching(self, prefix: str) -> Iterator[int]:
        for at in range(bisect_left(self._keys, prefix), len(self._keys)):
            if not self._keys[at].startswith(prefix):
                return
            yield self._places[at]


def spelling(airport: Airport) -> str:
    """What somebody may begin to type."""
    return words(fold(airport.name))


def best(directory: Directory, places: Iterable[int]) -> Sequence[Airport]:
    """The most important of the airports at these places, in the order of their ICAO codes."""
    ranked = ((-directory.airports[place].importance, place) for place in places)
    return [directory.airports[place] for _, place in nsmallest(MOST_HITS, ranked)]


def _bytes(keys: list[str]) -> int:
    return sum(map(getsizeof, keys)) + getsizeof(keys)


def differences(legacy: Answer, candidate: Answer) -> list[str]:
    """Compare status, query and all hits in their order with every field.

    Intended differences: none. An index finds what a scan finds.
    """
    if legacy.status != candidate.status:
        return ["status"]
    found = differing(legacy.body, candidate.body)
    if legacy.status != HTTPStatus.OK or found != ["hits"]:
        return found
    ours, theirs = (cast("list[Hit]", side.body["hits"]) for side in (legacy, candidate))
    if len(ours) != len(theirs):
        return ["hits"]
    return [f"hits.{place}" for place, (left, right) in enumerate(zip(ours, theirs, strict=True)) if left != right]


def alter(answer: Answer, directory: Directory) -> Answer:
    """The answer with its first hit replaced by its neighbour, or one that is not there; another code."""
    if "hits" not in answer.body:
        return replace(answer, body={**answer.body, "code": "unknown"})
    hits = cast("list[Hit]", answer.body["hits"])
    wrong = _hit(directory.after(str(hits[0]["icao"]) if hits else "EDDF"))
    return replace(answer, body={**answer.body, "hits": [wrong, *hits[1:]]})


def build(directory: Directory) -> Component:
    """The component over one directory."""
    scan, index = FullScan(directory), PrefixIndex(directory)

    async def legacy(params: Params) -> Answer:
        return _answer(params, scan)

    async def candidate(params: Params) -> Answer:
        return _answer(params, index)

    return Component(
        name=NAME,
        legacy=legacy,
        candidate=candidate,
        differences=differences,
        alter=lambda answer: alter(answer, directory),
        probes=(({"begins": "Frankfurt am"}, "EDDF"), ({"begins": "zür"}, "LSZH"), ({"begins": "john f"}, "KJFK")),
        path="/matching",
        memory={
            "legacy": Memory(INDEX_BUDGET_BYTES, lambda: scan.kept_bytes),
            "candidate": Memory(INDEX_BUDGET_BYTES, lambda: index.kept_bytes),
        },
    )


def _answer(params: Params, match: Match) -> Answer:
    query = params.get("begins", "").strip()
    if not is_clean(query, longest=LONGEST_PREFIX):
        raise Malformed("malformed-parameter", "begins", f"begins is plain text of at most {LONGEST_PREFIX} characters")
    prefix = words(fold(query))
    if not prefix:
        raise Malformed("empty-query", "begins", "begins is how the name of an airport begins")
    return Answer({"query": query, "hits": [_hit(airport) for airport in match(prefix)]})


def _hit(airport: Airport) -> Hit:
    return {
        "icao": airport.icao,
        "iata": airport.iata,
        "name": airport.name,
        "city": airport.city,
        "country": airport.country,
    }
