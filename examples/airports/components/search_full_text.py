"""The search for words: `LIKE '%...%'` (legacy), PostgreSQL's full-text search (candidate).

Both look at the words of names and cities without their accents, of the airports with airline traffic, and answer with
at most ten of them, the most important first. Legacy reads the whole table for each query; candidate asks an index.
"""

from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeAlias, cast

from sqlalchemy import Select, bindparam, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.answers import Answer, Malformed, Params
from examples.airports.component import Component, differing
from examples.airports.database import texts
from examples.airports.directory import Directory
from examples.airports.text import fold, is_clean, words

NAME = "search-full-text"
MOST_HITS = 10
LONGEST_QUERY = 80
_COLUMNS = ("icao", "iata", "name", "city", "country", "importance")
_TABLE = texts.c

Hit: TypeAlias = dict[str, object]


def legacy_statement(text: str) -> Select[Any]:
    """All rows that have the text somewhere, even in the middle of a word."""
    return _hits().where(_TABLE.words.contains(text, autoescape=True))


def candidate_statement(text: str) -> Select[Any]:
    """The rows that have all of the words, in any order; the last one may have only begun."""
    return _hits().where(_TABLE.document.op("@@")(sql_cast(bindparam("query", tsquery(text)), TSQUERY)))


def tsquery(text: str) -> str:
    """The words of a text, which are letters and digits only, as a query that no parser has to read."""
    return " & ".join(f"'{word}'" for word in text.split()) + ":*"


def _hits() -> Select[Any]:
    columns = (_TABLE[name] for name in _COLUMNS)
    return select(*columns).order_by(_TABLE.importance.desc(), _TABLE.icao).limit(MOST_HITS)


def differences(legacy: Answer, candidate: Answer) -> list[str]:
    """Compare status, query and hits; each side must find what both ways of searching find.

    Intended differences: legacy finds what lies inside of a word, candidate finds words that stand apart or in another
    order. Whatever is found must have the words, the most important come first, none comes twice, and a hit that both
    ways find must be in both answers with the same fields, unless an answer was full before its turn came.
    """
    if legacy.status != candidate.status:
        return ["status"]
    if legacy.status != HTTPStatus.OK:
        return differing(legacy.body, candidate.body)
    if legacy.body["query"] != candidate.body["query"]:
        return ["query"]
    text = words(fold(str(candidate.body["query"])))
    ours, theirs = (cast("list[Hit]", side.body["hits"]) for side in (legacy, candidate))
    found = [f"hits.{place}" for place, hit in enumerate(theirs) if not _has_words(hit, text)]
    if [_rank(hit) for hit in theirs] != sorted({_rank(hit) for hit in theirs}):
        found.append("hits.order")
    missing = _missing([hit for hit in ours if _has_words(hit, text)], theirs)
    surplus = _missing([hit for hit in theirs if text in _words(hit)], ours)
    return found + (["hits.missing"] if missing else []) + (["hits.surplus"] if surplus else [])


def _missing(wanted: list[Hit], given: list[Hit]) -> list[Hit]:
    last = _rank(given[-1]) if len(given) == MOST_HITS else None
    return [hit for hit in wanted if hit not in given and (last is None or _rank(hit) < last)]


def _rank(hit: Hit) -> tuple[int, str]:
    return -cast("int", hit["importance"]), str(hit["icao"])


def _words(hit: Hit) -> str:
    return words(fold(f"{hit['name']} {hit['city']}"))


def _has_words(hit: Hit, text: str) -> bool:
    *whole, begun = text.split()
    present = _words(hit).split()
    return set(whole) <= set(present) and any(word.startswith(begun) for word in present)


def alter(answer: Answer, directory: Directory) -> Answer:
    """The answer with its first hit replaced by its neighbour, or one that is not there; another code."""
    if "hits" not in answer.body:
        return replace(answer, body={**answer.body, "code": "unknown"})
    hits = cast("list[Hit]", answer.body["hits"])
    other = directory.after(str(hits[0]["icao"]) if hits else "EDDF")
    wrong = {name: getattr(other, name) for name in _COLUMNS}
    return replace(answer, body={**answer.body, "hits": [wrong, *hits[1:]]})


def build(engine: AsyncEngine, directory: Directory) -> Component:
    """The component over one database."""

    async def answer(statement: Select[Any], query: str) -> Answer:
        async with engine.connect() as connection:
            rows = (await connection.execute(statement)).all()
        return Answer({"query": query, "hits": [dict(zip(_COLUMNS, row, strict=True)) for row in rows]})

    async def legacy(params: Params) -> Answer:
        query, text = read(params)
        return await answer(legacy_statement(text), query)

    async def candidate(params: Params) -> Answer:
        query, text = read(params)
        return await answer(candidate_statement(text), query)

    return Component(
        name=NAME,
        legacy=legacy,
        candidate=candidate,
        differences=differences,
        alter=lambda answer: alter(answer, directory),
        probes=(({"words": "Frankfurt am"}, "EDDF"), ({"words": "zürich"}, "LSZH"), ({"words": "kennedy"}, "KJFK")),
        path="/text",
    )


def read(params: Params) -> tuple[str, str]:
    """The query as it was typed, and its words."""
    query = params.get("words", "").strip()
    if not is_clean(query, longest=LONGEST_QUERY):
        raise Malformed("malformed-parameter", "words", f"words is plain text of at most {LONGEST_QUERY} characters")
    text = words(fold(query))
    if not text:
        raise Malformed("empty-query", "words", "words is what to look for")
    return query, text
