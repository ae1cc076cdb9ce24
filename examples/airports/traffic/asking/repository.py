"""Phase 4: places and cities."""

from collections.abc import Mapping

from examples.airports.text import fold
from examples.airports.traffic.asking.asked import Asked
from examples.airports.traffic.asking.material import Material

NEARBY = "repository-direct-orm"


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


ASKED = (Asked(NEARBY, nearby, path="/nearby"),)
