"""The search that forgives typing errors: a hand-made edit distance (legacy), rapidfuzz (candidate).

Both look at the short forms of names and cities that share most trigrams with the query, so that neither compares with
all 34,000 of them, and both answer with at most five airports, the most similar first. Legacy narrows further, as the
hand-made search had to be fast: same first letter, similar length, accents taken literally.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from typing import TypeAlias, cast

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from examples.airports.answers import Answer, Malformed, Params, in_threads
from examples.airports.component import Component
from examples.airports.components.search_index import SearchIndex, forms
from examples.airports.directory import Airport, Directory
from examples.airports.text import essence, fold, is_clean

NAME = "search-fuzzy"
MOST_HITS = 5
LONGEST_QUERY = 80
_CANDIDATE_CUTOFF = 70.0
_SURE = 0.8
_SOUND = 0.4
_CODE_LENGTHS = range(3, 5)

Ranked: TypeAlias = Iterable[tuple[float, int]]
Hit: TypeAlias = dict[str, object]


def edit_distance(left: str, right: str, *, limit: int) -> int:
    """Insertions, deletions and replacements between two texts (Levenshtein), or limit + 1 when it is more."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    above = list(range(len(right) + 1))
    for row, character in enumerate(left, start=1):
        here = [row]
        for column, other in enumerate(right, start=1):
            replaced = above[column - 1] + (character != other)
            here.append(min(replaced, above[column] + 1, here[-1] + 1))
        if min(here) > limit:
            return limit + 1
        above = here
    return above[-1]


class LegacySearch:
    """Edit distance by hand over keys with the query's first letter and about its length."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._index = SearchIndex(directory, str.lower)

    def __call__(self, query: str) -> list[Hit]:
        """The hits of a query."""
        text = essence(query.lower())
        limit = max(1, len(text) // 4)

        def alike(key: str) -> bool:
            return key[0] == text[0] and abs(len(key) - len(text)) <= limit

        ranked: list[tuple[float, int]] = []
        if text:
            for place in self._index.sharing(text, most=40, keep=alike):
                distance = edit_distance(text, self._index.keys[place], limit=limit)
                if distance <= limit:
                    ranked.append((1 - distance / max(len(text), len(self._index.keys[place])), place))
        return _hits(query, ranked, self._index, self._directory)


class CandidateSearch:
    """rapidfuzz over the keys that share most trigrams, accents folded, words in any order."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._index = SearchIndex(directory, fold)

    def __call__(self, query: str) -> list[Hit]:
        """The hits of a query."""
        text = essence(fold(query))
        keys = {place: self._index.keys[place] for place in self._index.sharing(text, most=150)} if text else {}
        best: dict[int, float] = {}
        for scorer in (fuzz.ratio, fuzz.token_sort_ratio):
            for _, score, place in process.extract(text, keys, scorer=scorer, limit=10, score_cutoff=_CANDIDATE_CUTOFF):
                best[place] = max(best.get(place, 0.0), score / 100)
        return _hits(query, ((score, place) for place, score in best.items()), self._index, self._directory)


def _hits(query: str, ranked: Ranked, index: SearchIndex, directory: Directory) -> list[Hit]:
    scores: dict[Airport, float] = {}
    if len(query) in _CODE_LENGTHS and (meant := directory.find(query)):
        scores[meant] = 1.0
    for score, place in sorted(ranked, reverse=True)[: 2 * MOST_HITS]:
        for airport in index.airports[place][:MOST_HITS]:
            scores[airport] = max(scores.get(airport, 0.0), score)
    order = sorted(scores, key=lambda airport: (-scores[airport], -airport.importance, airport.icao))
    return [_hit(airport, scores[airport]) for airport in order[:MOST_HITS]]


def _hit(airport: Airport, score: float) -> Hit:
    return {
        "icao": airport.icao,
        "iata": airport.iata,
        "name": airport.name,
        "city": airport.city,
        "country": airport.country,
        "score": round(score, 3),
    }


def resemblance(query: str, hit: Hit) -> float:
    """How alike a query and an airport are (optimal string alignment, 0..1): a measure that neither side uses."""
    text = essence(fold(query))
    if fold(query) in {fold(str(hit["icao"])), fold(str(hit["iata"]))}:
        return 1.0
    in_order = " ".join(sorted(text.split()))
    best = 0.0
    for form in forms(str(hit["name"]), str(hit["city"]), fold):
        best = max(best, OSA.normalized_similarity(text, form))
        best = max(best, OSA.normalized_similarity(in_order, " ".join(sorted(form.split()))))
    return best


def differences(legacy: Answer, candidate: Answer) -> list[str]:
    """Compare status and query, check each of candidate's hits, and compare the top hits.

    Intended differences: scores are on another scale; candidate may find more, and rank otherwise below the top. Where
    legacy is sure (its top hit resembles the query at least 80 %), candidate's top hit must resemble it as much. Every
    hit of candidate must resemble the query at least 40 %, the best first, none twice.
    """
    if legacy.status != candidate.status:
        return ["status"]
    if legacy.status != HTTPStatus.OK:
        return [] if legacy.body == candidate.body else ["code"]
    if legacy.body["query"] != candidate.body["query"]:
        return ["query"]
    query = str(candidate.body["query"])
    hits = cast("list[Hit]", candidate.body["hits"])
    resembling = [resemblance(query, hit) for hit in hits]
    found = [f"hits.{place}" for place, value in enumerate(resembling) if value < _SOUND]
    if len({hit["icao"] for hit in hits}) < len(hits) or not _falling([cast("float", hit["score"]) for hit in hits]):
        found.append("hits.order")
    legacy_hits = cast("list[Hit]", legacy.body["hits"])
    expected = resemblance(query, legacy_hits[0]) if legacy_hits else 0.0
    if expected >= _SURE and (not resembling or resembling[0] < expected - 0.05):
        found.append("hits.top")
    return found


def _falling(scores: list[float]) -> bool:
    return scores == sorted(scores, reverse=True)


def alter(answer: Answer, directory: Directory) -> Answer:
    """The answer with its top hit replaced by the airport next to it, or one that is not there; another code."""
    if "hits" not in answer.body:
        return replace(answer, body={**answer.body, "code": "unknown"})
    hits = cast("list[Hit]", answer.body["hits"])
    wrong = directory.after(str(hits[0]["icao"]) if hits else "EDDF")
    score = cast("float", hits[0]["score"]) if hits else 1.0
    return replace(answer, body={**answer.body, "hits": [_hit(wrong, score), *hits[1:]]})


def build(directory: Directory, *, executor: Executor | None = None) -> Component:
    """The component over one directory; the searches run in threads, as they cost milliseconds of CPU."""
    threads = executor or ThreadPoolExecutor(2, thread_name_prefix="search")
    return Component(
        name=NAME,
        legacy=in_threads(_searching(LegacySearch(directory)), threads),
        candidate=in_threads(_searching(CandidateSearch(directory)), threads),
        differences=differences,
        alter=lambda answer: alter(answer, directory),
        probes=(({"q": "Frankfurt am Main"}, "EDDF"), ({"q": "JFK"}, "KJFK"), ({"q": "Zurich"}, "LSZH")),
        path="/search",
    )


def _searching(search: Callable[[str], list[Hit]]) -> Callable[[Params], Answer]:
    def answer(params: Params) -> Answer:
        query = params.get("q", "").strip()
        if not query or not any(character.isalnum() for character in query):
            raise Malformed("empty-query", "q", "q is what to look for")
        if not is_clean(query, longest=LONGEST_QUERY):
            raise Malformed("malformed-parameter", "q", f"q is plain text of at most {LONGEST_QUERY} characters")
        return Answer({"query": query, "hits": search(query)})

    return answer
