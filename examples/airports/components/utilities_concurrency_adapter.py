"""Boards of airports: a lock and a limit made by hand (legacy), anyio's (candidate).

A board shows up to eight airports. Each is looked up in the database by itself, at most ten at once in the whole
application, and nobody looks up what somebody else is looking up already: they wait and share the card. Cards are kept
in a cache with a budget.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Protocol, TypeAlias, cast

import anyio
from sqlalchemy import bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.answers import Answer, Malformed, Params
from examples.airports.component import Component, differing
from examples.airports.components.page_cache import BUDGET_BYTES, PageCache
from examples.airports.database import airports
from examples.airports.directory import Directory
from examples.airports.memory import Memory

NAME = "utilities-concurrency-adapter"
LIMIT = 10
LARGEST_BOARD = 8
_CODE = re.compile(r"[A-Za-z0-9]{3,4}", re.ASCII)
_COLUMNS = ("icao", "iata", "name", "city", "country", "elevation_ft", "time_zone")
_TABLE = airports.c
_BY_CODE = (
    select(*(_TABLE[name] for name in _COLUMNS))
    .where(or_(_TABLE.icao == bindparam("code"), _TABLE.iata == bindparam("code")))
    .order_by((_TABLE.icao == bindparam("code")).desc(), _TABLE.icao.desc())
    .limit(1)
)

Card: TypeAlias = Mapping[str, object]


class Desk(Protocol):
    """Looks cards up."""

    async def look_up(self, codes: Sequence[str]) -> "Lookups":
        """The cards of these codes."""


@dataclass(frozen=True, slots=True)
class Lookups:
    """Cards by code (empty where there is no airport), and how many look-ups ran at once meanwhile."""

    cards: Mapping[str, Card]
    most_at_once: int


class Catalogue:
    """The cards in the database; it watches how many are being fetched."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.fetched = 0
        self.at_once = 0
        self.most_at_once = 0

    async def fetch(self, code: str) -> Card:
        """The card of one airport, or an empty one."""
        self.fetched += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            async with self._engine.connect() as connection:
                row = (await connection.execute(_BY_CODE, {"code": code})).one_or_none()
        finally:
            self.at_once -= 1
        return {} if row is None else dict(zip(_COLUMNS, row, strict=True))


class HandMadeLimit:
    """Lets so many in; the others wait in a queue of futures."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it."""
        if self._free:
            self._free -= 1
        else:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._leave()
                raise
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class HandMadeDesk:
    """Legacy: `gather`, a queue of futures for the limit, and an event for each code that is being fetched."""

    def __init__(self, catalogue: Catalogue, cards: PageCache) -> None:
        self._catalogue = catalogue
        self._cards = cards
        self._limit = HandMadeLimit(LIMIT)
        self._flights: dict[str, asyncio.Event] = {}

    async def look_up(self, codes: Sequence[str]) -> Lookups:
        """The cards of these codes."""
        found = await asyncio.gather(*(self._card(code) for code in codes))
        return Lookups(dict(zip(codes, found, strict=True)), self._catalogue.most_at_once)

    async def _card(self, code: str) -> Card:
        while flight := self._flights.get(code):
            await flight.wait()
        if (known := self._cards.get(code)) is not None:
            return known
        flight = self._flights[code] = asyncio.Event()
        try:
            async with self._limit.entered():
                card = await self._catalogue.fetch(code)
            self._cards.put(code, card)
        finally:
            del self._flights[code]
            flight.set()
        return card


class AnyioDesk:
    """Candidate: a task group, a `CapacityLimiter`, and a `Lock` for each code that is being fetched."""

    def __init__(self, catalogue: Catalogue, cards: PageCache) -> None:
        self._catalogue = catalogue
        self._cards = cards
        self._limiter = anyio.CapacityLimiter(LIMIT)
        self._locks: dict[str, anyio.Lock] = {}

    async def look_up(self, codes: Sequence[str]) -> Lookups:
        """The cards of these codes."""
        found: dict[str, Card] = {}

        async def fill(code: str) -> None:
            found[code] = await self._card(code)

        async with anyio.create_task_group() as group:
            for code in codes:
                group.start_soon(fill, code)
        return Lookups(found, self._catalogue.most_at_once)

    async def _card(self, code: str) -> Card:
        if (known := self._cards.get(code)) is not None:
            return known
        lock = self._locks.setdefault(code, anyio.Lock())
        async with lock:
            if (shared := self._cards.get(code)) is not None:
                return shared
            try:
                async with self._limiter:
                    card = await self._catalogue.fetch(code)
                self._cards.put(code, card)
            finally:
                # Whoever waits has this lock already; whoever comes later finds the card.
                self._locks.pop(code, None)
            return card


def read(params: Params) -> Sequence[str]:
    """The codes of a question, in capitals, each once."""
    codes = [code.strip() for code in params.get("codes", "").split(",")]
    if codes == [""]:
        raise Malformed("missing-parameter", "codes", "codes are up to eight codes of airports, parted by commas")
    if len(codes) > LARGEST_BOARD or not all(map(_CODE.fullmatch, codes)):
        raise Malformed("malformed-parameter", "codes", "codes are up to eight codes of airports, parted by commas")
    return tuple(dict.fromkeys(code.upper() for code in codes))


def differences(legacy: Answer, candidate: Answer) -> list[str]:
    """Compare status, every card in its order, what is missing and the highest airport; check candidate's limit.

    Intended differences: how many look-ups ran at once, as long as they are never more than the limit.
    """
    if legacy.status != candidate.status:
        return ["status"]
    if legacy.status != HTTPStatus.OK:
        return differing(legacy.body, candidate.body)
    ours, theirs = (
        {name: value for name, value in side.body.items() if name != "mostAtOnce"} for side in (legacy, candidate)
    )
    is_within = 0 <= cast("int", candidate.body.get("mostAtOnce", -1)) <= LIMIT
    return differing(ours, theirs) + ([] if is_within else ["mostAtOnce"])


def alter(answer: Answer, directory: Directory) -> Answer:
    """The board with its first airport replaced by its neighbour, or one that is not there; another code."""
    listed = answer.body.get("airports")
    if not isinstance(listed, list):
        return replace(answer, body={**answer.body, "code": "unknown"})
    other = directory.after(listed[0]["icao"] if listed else "EDDF")
    wrong = {name: getattr(other, name) for name in _COLUMNS}
    return replace(answer, body={**answer.body, "airports": [wrong, *listed[1:]]})


def build(engine: AsyncEngine, directory: Directory) -> Component:
    """The component over one database."""
    kept = {"legacy": PageCache(), "candidate": PageCache()}
    by_hand = HandMadeDesk(Catalogue(engine), kept["legacy"])
    with_anyio = AnyioDesk(Catalogue(engine), kept["candidate"])

    async def legacy(params: Params) -> Answer:
        return await _board(by_hand, read(params))

    async def candidate(params: Params) -> Answer:
        return await _board(with_anyio, read(params))

    return Component(
        name=NAME,
        legacy=legacy,
        candidate=candidate,
        differences=differences,
        alter=lambda answer: alter(answer, directory),
        probes=(({"codes": "FRA,JFK,zrh,QQQ"}, "EDDF"), ({"codes": "kjfk"}, "KJFK")),
        path="/board",
        memory={variant: Memory(BUDGET_BYTES, cards.kept_bytes) for variant, cards in kept.items()},
    )


async def _board(desk: Desk, codes: Sequence[str]) -> Answer:
    lookups = await desk.look_up(codes)
    shown = [lookups.cards[code] for code in codes if lookups.cards[code]]
    highest = max(shown, key=lambda card: (cast("int", card["elevation_ft"]), card["icao"]), default=None)
    return Answer(
        {
            "airports": shown,
            "missing": [code for code in codes if not lookups.cards[code]],
            "highest": highest["icao"] if highest else "",
            "mostAtOnce": lookups.most_at_once,
        }
    )
