"""What questions are made of: airports that people mean, typing errors, accents, nothing, and attacks."""

from collections.abc import Sequence
from functools import cache
from random import Random
from typing import TypeVar

import airportsdata

from examples.airports.text import essence

PEOPLE = 2000
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
_HUBS_EVERY = 10
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ACCENTS = {"a": "áãä", "e": "éèê", "i": "íï", "o": "óöô", "u": "úüû", "n": "ñ", "c": "ç"}

Choice = TypeVar("Choice")


@cache
def _cities() -> tuple[Sequence[airportsdata.Airport], ...]:
    """International airports, those with airline traffic, and all; each of them in a city."""
    every = [airport for airport in airportsdata.load().values() if airport["city"]]
    busy = [airport for airport in every if airport["iata"]]
    return [airport for airport in busy if "International" in airport["name"]], busy, every


class Material:
    """The same for the same random numbers."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._international, self._busy, self._airports = _cities()

    def person(self) -> str:
        """The id of somebody out of the fixed population."""
        return f"u-{self.random.randrange(PEOPLE):04d}"

    def airport(self) -> airportsdata.Airport:
        """An airport in a city, mostly one of those that people fly to."""
        return self.random.choice(self.weighted((6, self._international), (3, self._busy), (1, self._airports)))

    def hub(self) -> str:
        """The code of one of the airports that a board is mostly looked at for."""
        return self.random.choice(self._international[::_HUBS_EVERY])["iata"]

    def code(self) -> str:
        """The code of an airport as people know it."""
        airport = self.airport()
        return airport["iata"] or airport["icao"]

    def named(self) -> str:
        """What people call an airport: its city, or its short name."""
        airport = self.airport()
        return self.random.choice((airport["city"], airport["city"], essence(airport["name"])))

    def nowhere(self) -> str:
        """A code that is no airport's."""
        return "Q" + "".join(self.random.choice("XZQ079") for _ in range(3))

    def hostile(self) -> str:
        """Nothing, or an attack."""
        return self.random.choice(HOSTILE)

    def typo(self, text: str) -> str:
        """The text with a letter lost, replaced, doubled or exchanged with the next."""
        place = self.random.randrange(len(text))
        letter = self.random.choice(_LETTERS)
        return self.random.choice(
            (
                text[:place] + text[place + 1 :] or text,
                text[:place] + letter + text[place + 1 :],
                text[:place] + letter + text[place:],
                text[:place] + text[place + 1 : place + 2] + text[place : place + 1] + text[place + 2 :],
            )
        )

    def accented(self, text: str) -> str:
        """The text with an accent on one of its letters."""
        places = [place for place, character in enumerate(text) if character in _ACCENTS]
        if not places:
            return text
        place = self.random.choice(places)
        return text[:place] + self.random.choice(_ACCENTS[text[place]]) + text[place + 1 :]

    def chance(self, share: float) -> bool:
        """True for this share of the calls."""
        return self.random.random() < share

    def weighted(self, *choices: tuple[int, Choice]) -> Choice:
        """One of the choices, each as often as it weighs."""
        weights = [weight for weight, _ in choices]
        return self.random.choices([choice for _, choice in choices], weights)[0]
