"""Phase 3: questions that go wrong."""

from collections.abc import Callable, Mapping

from examples.airports.traffic.asking.asked import Asked
from examples.airports.traffic.asking.material import Material

DISTANCE = "errors-problem-details"
FLIGHT = "errors-result-types"
GUIDE = "errors-middleware"


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


def flight(material: Material) -> Mapping[str, str]:
    """A flight at a local time, in one of the many ways in which it cannot be."""
    code, random = material.code(), material.random
    day = f"2026-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"
    right = {
        "from": code,
        "to": material.code(),
        "departs": f"{day}T{random.randrange(24):02d}:{random.randrange(60):02d}",
    }
    wrong: Mapping[str, str] = material.weighted(
        (55, {}),
        (8, {"to": material.nowhere()}),
        (4, {"from": material.nowhere()}),
        (5, {"departs": ""}),
        (6, {"to": code.lower()}),
        (5, {"from": "LEMD", "to": "NZWN"}),
        (5, {"departs": random.choice(("tomorrow", "14:30", "2026-02-30T10:00", "2026-07-01 14:30"))}),
        (3, {"departs": random.choice(("1970-01-01T00:00", "9999-12-31T23:59"))}),
        (4, {"from": "EDDF", "departs": "2026-03-29T02:30"}),
        (5, {random.choice(("from", "to", "departs")): material.hostile()}),
    )
    return {**right, **wrong}


def guide(material: Material) -> Mapping[str, str]:
    """One of the operations, a third of the time with something wrong about it."""
    random, airport, code = material.random, material.airport(), material.code()
    day = f"20{random.randint(10, 39)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"
    right: Callable[[], Mapping[str, str]] = material.weighted(
        (3, lambda: {"op": "airport", "code": code}),
        (3, lambda: {"op": "course", "from": code, "to": material.code()}),
        (2, lambda: {"op": "zone", "code": code, "day": day}),
        (2, lambda: {"op": "extremes", "country": airport["country"]}),
    )
    params = dict(right())
    name = random.choice([name for name in params if name != "op"])
    way: Callable[[], str | None] = material.weighted(
        (66, lambda: params[name]),
        (12, lambda: None),
        (8, material.nowhere),
        (3, lambda: "XX"),
        (3, lambda: "2026-02-30"),
        (8, material.hostile),
    )
    value = way()
    asked = {**params, name: value} if value is not None else {key: params[key] for key in params if key != name}
    return asked if material.chance(0.98) else {**asked, "op": material.hostile()}


ASKED = (
    Asked(DISTANCE, distance, path="/distance"),
    Asked(FLIGHT, flight, path="/flight"),
    Asked(GUIDE, guide, path="/guide"),
)
