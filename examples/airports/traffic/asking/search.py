"""Phase 2: searches, with typing errors, accents, codes and attacks."""

from collections.abc import Callable, Mapping

from examples.airports.text import essence
from examples.airports.traffic.asking.asked import Asked
from examples.airports.traffic.asking.material import Material

SEARCH = "search-fuzzy"


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


ASKED = (Asked(SEARCH, search, path="/search"),)
