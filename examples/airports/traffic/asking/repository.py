"""Phase 4: places, cities, heights and alternates."""

from collections.abc import Mapping

from examples.airports.text import fold
from examples.airports.traffic.asking.asked import Asked
from examples.airports.traffic.asking.material import Material

NEARBY = "repository-direct-orm"
STANDING = "repository-pattern-removal"
ALTERNATES = "repository-service-layer"


def nearby(material: Material) -> Mapping[str, str]:
    """What is near a place, or in a city."""
    airport, random = material.airport(), material.random
    latitude, longitude = (airport[axis] + random.uniform(-0.3, 0.3) for axis in ("lat", "lon"))
    place = {"lat": f"{max(-90, min(90, latitude)):.4f}", "lon": f"{max(-180, min(180, longitude)):.4f}"}
    return material.weighted(
        (35, {**place, "radius_km": str(random.choice((10, 25, 50, 50, 100)))}),
        (10, place),
        (35, {"city": airport["city"], "country": airport["country"]}),
        (8, {"city": fold(airport["city"])}),
        (4, {"city": material.typo(airport["city"])}),
        (4, {"city": material.hostile()}),
        (4, {"lat": random.choice(("nan", "1e999", "91", "north", "")), "lon": place["lon"]}),
    )


def standing(material: Material) -> Mapping[str, str]:
    """How high an airport lies among those of its country."""
    random, code = material.random, material.code()
    return material.weighted(
        (50, {"code": code}),
        (25, {"code": code, "neighbours": str(random.randint(0, 5))}),
        (10, {"code": code.lower()}),
        (6, {"code": material.nowhere()}),
        (3, {"code": code, "neighbours": random.choice(("6", "-1", "many", "99999999999999999999"))}),
        (6, {"code": material.hostile()}),
    )


def alternates(material: Material) -> Mapping[str, str]:
    """Where to fly to when an airport is closed."""
    random, code = material.random, material.code()
    return material.weighted(
        (45, {"code": code}),
        (30, {"code": code, "within_km": str(random.choice((50, 100, 150, 300)))}),
        (8, {"code": code.lower()}),
        (6, {"code": material.nowhere()}),
        (3, {"code": code, "within_km": random.choice(("49", "301", "near", "1e2"))}),
        (4, {"code": code, "within_km": material.hostile()}),
        (4, {"code": material.hostile()}),
    )


ASKED = (
    Asked(NEARBY, nearby, path="/nearby"),
    Asked(STANDING, standing, path="/standing"),
    Asked(ALTERNATES, alternates, path="/alternates"),
)
