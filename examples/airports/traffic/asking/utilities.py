"""Phase 1: listings."""

from collections.abc import Mapping

from examples.airports.traffic.asking.asked import Asked
from examples.airports.traffic.asking.material import Material

LISTING = "utilities-query-builder"


def listing(material: Material) -> Mapping[str, str]:
    """Filters as people set them, most of them by country."""
    random = material.random
    if material.chance(0.06):
        return {random.choice(("prefix", "country", "min_elevation")): material.hostile()}
    airport, params = material.airport(), {}
    if material.chance(0.8):
        params["country"] = airport["country"] if material.chance(0.9) else airport["country"].lower()
    if material.chance(0.4):
        params["prefix"] = airport["name"][: random.randint(2, 6)]
    if material.chance(0.3):
        params["min_elevation"] = str(round(airport["elevation"] / 100) * 100)
    if material.chance(0.1):
        params["max_elevation"] = str(random.choice((0, 500, 2000, 5000)))
    if material.chance(0.2):
        params["limit"] = str(random.choice((5, 10, 50, 500)))
    return params


ASKED = (Asked(LISTING, listing, path="/airports"),)
