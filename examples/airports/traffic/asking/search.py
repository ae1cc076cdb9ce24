"""Phase 2: searches, with typing errors, accents, codes and attacks."""

from collections.abc import Callable, Mapping

from examples.airports.text import essence
from examples.airports.traffic.asking.asked import Asked
from examples.airports.traffic.asking.material import Material

SEARCH = "search-fuzzy"
TEXT = "search-full-text"
MATCHING = "search-simple-matching"


def search(material: Material) -> Mapping[str, str]:
    """What people type who are not sure of the name."""
    random, airport = material.random, material.airport()
    plain = random.choice((airport["city"], airport["city"], essence(airport["name"])))
    way: Callable[[], str] = material.weighted(
        (30, lambda: plain),
        (10, lambda: airport["name"]),
        (22, lambda: material.typo(plain)),
        (6, lambda: material.typo(material.typo(plain))),
        (10, lambda: material.accented(plain)),
        (12, lambda: random.choice((airport["iata"] or airport["icao"], airport["icao"])).lower()),
        (4, plain.upper),
        (6, material.hostile),
    )
    return {"q": way()}


def text(material: Material) -> Mapping[str, str]:
    """Some of the words of a name or a city, the last one perhaps only begun."""
    random, airport = material.random, material.airport()
    words = f"{airport['name']} {airport['city']}".split()
    plain = random.choice((airport["city"], essence(airport["name"]), random.choice(words)))
    way: Callable[[], str] = material.weighted(
        (40, lambda: plain),
        (15, lambda: plain[: max(3, len(plain) - random.randint(1, 4))]),
        (10, lambda: " ".join(random.sample(words, min(2, len(words))))),
        (10, lambda: airport["name"]),
        (10, lambda: material.accented(plain)),
        (5, plain.upper),
        (4, lambda: material.typo(plain)),
        (6, material.hostile),
    )
    return {"words": way()}


def matching(material: Material) -> Mapping[str, str]:
    """The beginning of a name, letter by letter."""
    airport = material.airport()
    name = airport["name"]
    way: Callable[[], str] = material.weighted(
        (60, lambda: name[: material.random.randint(2, 8)]),
        (10, lambda: name),
        (8, name[: material.random.randint(3, 10)].upper),
        (8, lambda: material.accented(name[:6])),
        (8, lambda: material.typo(name[:8])),
        (6, material.hostile),
    )
    return {"begins": way()}


ASKED = (
    Asked(SEARCH, search, path="/search"),
    Asked(TEXT, text, path="/text"),
    Asked(MATCHING, matching, path="/matching"),
)
