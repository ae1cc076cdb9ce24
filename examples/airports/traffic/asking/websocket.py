"""Phase 5: messages over live connections."""

import json
from collections.abc import Mapping

from examples.airports.traffic.asking.asked import Asked
from examples.airports.traffic.asking.material import Material
from examples.airports.traffic.lines import SOCKETIO, open_boards, open_line
from examples.airports.traffic.subscribers import open_subscriber

BOARDS = "websocket-provider-sdk"
CHANGES = "websocket-connection-migration"


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


def board(material: Material) -> Mapping[str, str]:
    """A message that asks for the departures of a quarter of an hour, a few of them malformed."""
    code, random = material.code(), material.random
    slot = random.randrange(96)
    message: object = material.weighted(
        (74, {"code": code, "slot": slot}),
        (8, {"code": code.lower(), "slot": slot}),
        (6, {"code": material.nowhere(), "slot": slot}),
        (4, {"code": code, "slot": random.choice((96, -1, 1.5, True, None, "noon", 10**30))}),
        (5, {"code": material.hostile(), "slot": slot}),
        (2, {"slot": slot}),
        (1, [code, slot]),
    )
    return {"message": json.dumps(message)}


def changes(material: Material) -> Mapping[str, str]:
    """A subscription, sometimes a resumption out of the blue, and a few messages that are malformed."""
    random = material.random
    region = random.choice(("E", "ED", "K", "K", "L", "O", "S", "Z", "XX", ""))
    after, session = random.choice((0, 1, 60, 110, 10**6)), random.choice(("", "nobody", "A" * 16))
    message: object = material.weighted(
        (76, {"kind": "subscribe", "region": region}),
        (6, {"kind": "resume", "region": region, "after": after, "session": session}),
        (6, {"kind": "more", "region": region, "after": after}),
        (5, {"kind": "subscribe", "region": material.hostile().strip() or "?"}),
        (3, {"kind": material.hostile(), "region": region}),
        (3, {"kind": "resume", "after": random.choice((-1, 1.5, True, None, "7", 10**30))}),
        (1, None),
    )
    return {"message": json.dumps(message)}


ASKED = (
    Asked(SOCKETIO, look_up, open=open_line),
    Asked(BOARDS, board, open=open_boards),
    Asked(CHANGES, changes, open=open_subscriber),
)
