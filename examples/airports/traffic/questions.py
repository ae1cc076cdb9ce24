"""What people ask: codes, cities and names as they type them, places, accents, nothing, and attacks."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import airportsdata

from examples.airports.text import essence, fold

PEOPLE = 2000
LISTING = "utilities-query-builder"
SEARCH = "search-fuzzy"
DISTANCE = "errors-problem-details"
NEARBY = "repository-direct-orm"
LIVE = "websocket-socketio"
PATHS = {LISTING: "/airports", SEARCH: "/search", DISTANCE: "/distance", NEARBY: "/nearby"}
COMPONENTS = (*PATHS, LIVE)

HOSTILE = (
    "",
    "   ",
    "'; DROP TABLE airports.airports; --",
    "' OR '1'='1",
    "100%",
    "_____",
    "\\",
    "a\x00b",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "${jndi:ldap://127.0.0.1/a}",
    "\u202egnikcatta",
    "🛫🛬",
    "x" * 300,
    "$1",
    ":lock",
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ACCENTS = {"a": "áãä", "e": "éèê", "i": "íï", "o": "óöô", "u": "úüû", "n": "ñ", "c": "ç"}


Choice = TypeVar("Choice")


@dataclass(frozen=True, slots=True)
class Question:
    """One request (or message) to one component."""

    component: str
    params: Mapping[str, str]

    @property
    def path(self) -> str:
        """The address that it goes to."""
        return PATHS[self.component]


class Questions:
    """An endless supply, the same for the same random numbers."""

    def __init__(self, random: Random) -> None:
        self._random = random
        every = [airport for airport in airportsdata.load().values() if airport["city"]]
        self._airports = every
        self._busy = [airport for airport in every if airport["iata"]]
        self._international = [airport for airport in self._busy if "International" in airport["name"]]
        self._askers: Mapping[str, Callable[[], Mapping[str, str]]] = {
            LISTING: self._listing,
            SEARCH: lambda: {"q": self._search()},
            DISTANCE: self._distance,
            NEARBY: self._nearby,
            LIVE: lambda: {"message": json.dumps(self._message())},
        }

    def person(self) -> str:
        """The id of somebody out of the fixed population."""
        return f"u-{self._random.randrange(PEOPLE):04d}"

    def ask(self, component: str) -> Question:
        """A question for this component."""
        return Question(component, self._askers[component]())

    def _airport(self) -> airportsdata.Airport:
        return self._random.choice(self._weighted((6, self._international), (3, self._busy), (1, self._airports)))

    def _listing(self) -> Mapping[str, str]:
        if self._chance(0.06):
            return {self._random.choice(("prefix", "country", "min_elevation")): self._random.choice(HOSTILE)}
        airport, params = self._airport(), {}
        if self._chance(0.8):
            params["country"] = airport["country"] if self._chance(0.9) else airport["country"].lower()
        if self._chance(0.4):
            params["prefix"] = airport["name"][: self._random.randint(2, 6)]
        if self._chance(0.3):
            params["min_elevation"] = str(round(airport["elevation"] / 100) * 100)
        if self._chance(0.1):
            params["max_elevation"] = str(self._random.choice((0, 500, 2000, 5000)))
        if self._chance(0.2):
            params["limit"] = str(self._random.choice((5, 10, 50, 500)))
        return params

    def _search(self) -> str:
        airport = self._airport()
        plain = self._random.choice((airport["city"], airport["city"], essence(airport["name"])))
        way: Callable[[], str] = self._weighted(
            (30, lambda: plain),
            (10, lambda: airport["name"]),
            (22, lambda: self._typo(plain)),
            (6, lambda: self._typo(self._typo(plain))),
            (10, lambda: self._accented(plain)),
            (12, lambda: self._random.choice((airport["iata"] or airport["icao"], airport["icao"])).lower()),
            (4, plain.upper),
            (6, lambda: self._random.choice(HOSTILE)),
        )
        return way()

    def _distance(self) -> Mapping[str, str]:
        start, end = self._airport(), self._airport()
        code = start["icao"]
        return self._weighted(
            (45, {"from": start["iata"] or code, "to": end["icao"]}),
            (20, {"from": code, "to": self._nowhere()}),
            (10, {"from": self._nowhere(), "to": code}),
            (8, {"from": code}),
            (7, {"from": code, "to": code.lower()}),
            (10, {"from": self._random.choice(HOSTILE), "to": code}),
        )

    def _nearby(self) -> Mapping[str, str]:
        airport = self._airport()
        latitude, longitude = (airport[axis] + self._random.uniform(-0.3, 0.3) for axis in ("lat", "lon"))
        place = {"lat": f"{max(-90, min(90, latitude)):.4f}", "lon": f"{max(-180, min(180, longitude)):.4f}"}
        return self._weighted(
            (35, {**place, "radius_km": str(self._random.choice((10, 25, 50, 50, 100)))}),
            (10, place),
            (35, {"city": airport["city"], "country": airport["country"]}),
            (8, {"city": fold(airport["city"])}),
            (4, {"city": self._typo(airport["city"])}),
            (4, {"city": self._random.choice(HOSTILE)}),
            (4, {"lat": self._random.choice(("nan", "1e999", "91", "north", "")), "lon": place["lon"]}),
        )

    def _message(self) -> object:
        airport, number = self._airport(), self._random.randrange(10_000)
        return self._weighted(
            (60, {"n": number, "code": airport["iata"] or airport["icao"]}),
            (22, {"n": number, "code": airport["icao"].lower()}),
            (10, {"n": number, "code": self._nowhere()}),
            (6, {"n": number, "code": self._random.choice(HOSTILE)}),
            (1, {"n": number, "code": None}),
            (1, {"n": number}),
        )

    def _nowhere(self) -> str:
        return "Q" + "".join(self._random.choice("XZQ079") for _ in range(3))

    def _typo(self, text: str) -> str:
        place = self._random.randrange(len(text))
        letter = self._random.choice(_LETTERS)
        return self._random.choice(
            (
                text[:place] + text[place + 1 :] or text,
                text[:place] + letter + text[place + 1 :],
                text[:place] + letter + text[place:],
                text[:place] + text[place + 1 : place + 2] + text[place : place + 1] + text[place + 2 :],
            )
        )

    def _accented(self, text: str) -> str:
        places = [place for place, character in enumerate(text) if character in _ACCENTS]
        if not places:
            return text
        place = self._random.choice(places)
        return text[:place] + self._random.choice(_ACCENTS[text[place]]) + text[place + 1 :]

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _weighted(self, *choices: tuple[int, Choice]) -> Choice:
        weights: Sequence[int] = [weight for weight, _ in choices]
        return self._random.choices([choice for _, choice in choices], weights)[0]
