"""What comes over a connection is what the addresses say."""

import json
from collections.abc import Mapping
from typing import cast

from examples.airports.answers import Answer
from examples.airports.crosschecks.candidates import Candidates, Facts, Findings

LOOK_UP = "websocket-socketio"
DEPARTURES = "websocket-provider-sdk"
CHANGES = "websocket-connection-migration"
_KNOWN = ("FRA", "JFK", "ZRH", "SYD")
_MOST_CARDS = 8


async def check(candidates: Candidates, findings: Findings) -> None:
    """Look-ups agree with the board, problems with each other; departures and changes are of airports that exist."""
    for card in await candidates.cards(*_KNOWN):
        told = _flat(cast("Mapping[str, Facts]", (await _tell(candidates, LOOK_UP, code=card["icao"])).body["airport"]))
        findings.expect({**card, **told} == card, LOOK_UP, f"{card['icao']} is another on the board")
    for component in (LOOK_UP, DEPARTURES):
        unknown = await _tell(candidates, component, code="QQQ9", slot=40)
        findings.expect(unknown.body.get("code") == "unknown-airport", component, "an unknown airport has another code")
    for code in _KNOWN:
        body = (await _tell(candidates, DEPARTURES, code=code, slot=40)).body
        flights = cast("list[Facts]", body["flights"])
        named = {str(body["airport"]), *(str(flight["to"]) for flight in flights)}
        await _expect_airports(candidates, findings, DEPARTURES, named)
    wide = await _snapshot(candidates, "E")
    await _expect_airports(candidates, findings, CHANGES, set(wide))
    narrow = await _snapshot(candidates, max(wide)[:2])
    for airport in wide.keys() & narrow.keys():
        is_same = wide[airport]["number"] != narrow[airport]["number"] or wide[airport] == narrow[airport]
        findings.expect(is_same, CHANGES, f"{airport} is another in a wider region")


async def _tell(candidates: Candidates, component: str, **message: object) -> Answer:
    return await candidates.ask(component, {"message": json.dumps(message)})


async def _snapshot(candidates: Candidates, region: str) -> Mapping[str, Facts]:
    body = (await _tell(candidates, CHANGES, kind="subscribe", region=region)).body
    return cast("Mapping[str, Facts]", body["snapshot"])


async def _expect_airports(candidates: Candidates, findings: Findings, component: str, named: set[str]) -> None:
    ordered = sorted(named)
    for start in range(0, len(ordered), _MOST_CARDS):
        some = ordered[start : start + _MOST_CARDS]
        missing = set(some) - {str(card["icao"]) for card in await candidates.cards(*some)}
        findings.expect(not missing, component, f"{', '.join(sorted(missing))} is no airport")


def _flat(airport: Mapping[str, Facts]) -> Facts:
    codes = {"icao": airport["codes"]["icao"], "iata": airport["codes"]["iata"], "name": airport["name"]}
    return {**codes, **airport["place"], "time_zone": airport["timeZone"]}
