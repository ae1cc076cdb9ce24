"""The new side of every component, as the checks ask it: nothing is counted, no flag is looked at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from examples.airports.answers import Answer, Body
from examples.airports.serving import Sides

LISTING = "utilities-query-builder"
BOARD = "utilities-concurrency-adapter"
SHARED = ("icao", "name", "country", "elevation_ft", "city", "iata")

Facts: TypeAlias = Mapping[str, object]


@dataclass(slots=True)
class Findings:
    """What does not hold, each with the component that says otherwise than the others."""

    found: list[Mapping[str, str]] = field(default_factory=list)

    def expect(self, holds: object, component: str, finding: str) -> None:
        """A finding unless it holds."""
        if not holds:
            self.found.append({"component": component, "finding": finding})


class Candidates:
    """Asks candidates, with the faults that they have."""

    def __init__(self, sides: Mapping[str, Sides]) -> None:
        self._sides = sides

    async def ask(self, component: str, params: Mapping[str, str]) -> Answer:
        """The answer, or the refusal."""
        return await self._sides[component].candidate(params)

    async def facts(self, component: str, **params: str) -> Body:
        """The body of an answer."""
        return (await self.ask(component, params)).body

    async def rows(self, component: str, within: str, **params: str) -> list[Facts]:
        """The airports that an answer has there."""
        return cast("list[Facts]", (await self.facts(component, **params))[within])

    async def is_listed(self, airport: Facts) -> bool:
        """Whether phase 1 lists this airport with the same fields."""
        prefix, country = str(airport["name"])[:60], str(airport["country"])
        rows = await self.rows(LISTING, "airports", country=country, prefix=prefix, limit="50")
        return any(agrees(airport, row) for row in rows)

    async def cards(self, *codes: str) -> list[Facts]:
        """What the board of phase 1 says of at most eight airports."""
        return await self.rows(BOARD, "airports", codes=",".join(codes))


def agrees(one: Facts, other: Facts) -> bool:
    """Whether two descriptions of an airport say the same where both say anything."""
    return all(one[name] == other[name] for name in SHARED if name in one and name in other)


def codes(airports: list[Facts]) -> Iterator[str]:
    """Their ICAO codes."""
    return (str(airport["icao"]) for airport in airports)
