"""Phase 3: questions that go wrong."""

from collections.abc import Mapping

from examples.airports.traffic.asking.asked import Asked
from examples.airports.traffic.asking.material import Material

DISTANCE = "errors-problem-details"


def distance(material: Material) -> Mapping[str, str]:
    """Two airports, half of the time with something wrong about them."""
    start, end = material.airport(), material.airport()
    code = start["icao"]
    return material.weighted(
        (45, {"from": start["iata"] or code, "to": end["icao"]}),
        (20, {"from": code, "to": material.nowhere()}),
        (10, {"from": material.nowhere(), "to": code}),
        (8, {"from": code}),
        (7, {"from": code, "to": code.lower()}),
        (10, {"from": material.hostile(), "to": code}),
    )


ASKED = (Asked(DISTANCE, distance, path="/distance"),)
