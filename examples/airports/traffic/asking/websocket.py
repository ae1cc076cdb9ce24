"""Phase 5: messages over live connections."""

import json
from collections.abc import Mapping

from examples.airports.traffic.asking.asked import Asked
from examples.airports.traffic.asking.material import Material
from examples.airports.traffic.lines import SOCKETIO, open_line


def look_up(material: Material) -> Mapping[str, str]:
    """A message that asks for an airport by its code, a few of them malformed."""
    airport, number = material.airport(), material.random.randrange(10_000)
    message: object = material.weighted(
        (60, {"n": number, "code": airport["iata"] or airport["icao"]}),
        (22, {"n": number, "code": airport["icao"].lower()}),
        (10, {"n": number, "code": material.nowhere()}),
        (6, {"n": number, "code": material.hostile()}),
        (1, {"n": number, "code": None}),
        (1, {"n": number}),
    )
    return {"message": json.dumps(message)}


ASKED = (Asked(SOCKETIO, look_up, open=open_line),)
