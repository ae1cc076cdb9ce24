"""Phase 1: boards, listings, and airports like one that somebody knows."""

from collections.abc import Mapping

from examples.airports.traffic.asking.asked import Asked
from examples.airports.traffic.asking.material import Material

BOARD = "utilities-concurrency-adapter"
LISTING = "utilities-query-builder"
SIMILAR = "utilities-ml-service"


def board(material: Material) -> Mapping[str, str]:
    """Some airports side by side."""
    codes = [material.hub() if material.chance(0.8) else material.code() for _ in range(material.random.randint(1, 4))]
    return material.weighted(
        (78, {"codes": ",".join(codes)}),
        (6, {"codes": ", ".join(code.lower() for code in (*codes, codes[0]))}),
        (8, {"codes": ",".join((*codes, material.nowhere()))}),
        (4, {"codes": material.hostile()}),
        (2, {"codes": ",".join(codes * 9)}),
        (2, {}),
    )


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


def similar(material: Material) -> Mapping[str, str]:
    """An airport that somebody likes, by its code."""
    airport = material.airport()
    return material.weighted(
        (60, {"like": airport["iata"] or airport["icao"]}),
        (25, {"like": airport["icao"].lower()}),
        (7, {"like": material.nowhere()}),
        (6, {"like": material.hostile()}),
        (2, {}),
    )


ASKED = (
    Asked(BOARD, board, path="/board"),
    Asked(LISTING, listing, path="/airports"),
    Asked(SIMILAR, similar, path="/similar"),
)
