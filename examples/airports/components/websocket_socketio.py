"""Live look-ups over a connection: raw WebSocket frames (legacy), events of python-socketio (candidate).

Legacy's protocol is its own: text frames of JSON with a number that ties the answer to its question, parsed and checked
by hand. With Socket.IO a look-up is an event with an acknowledgement. This module has both handlers; `sockets.py` has
both transports.
"""

import json
from dataclasses import replace
from typing import cast

from examples.airports.answers import Answer, Body, Params, problem
from examples.airports.component import Component, differing
from examples.airports.directory import Airport, Directory

NAME = "websocket-socketio"
LONGEST_CODE = 4
_STATUS = {None: 200, "bad frame": 400, "bad code": 400, "unknown code": 404}


def answer_frame(frame: str, directory: Directory) -> str:
    """Legacy: the frame that answers a frame."""
    try:
        question = json.loads(frame)
        number, code = question.get("n"), question["code"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return json.dumps({"n": None, "ok": False, "error": "bad frame"})
    if not isinstance(code, str) or not code.strip() or not code.strip().isalnum() or len(code.strip()) > LONGEST_CODE:
        return json.dumps({"n": number, "ok": False, "error": "bad code"})
    airport = directory.find(code)
    if airport is None:
        return json.dumps({"n": number, "ok": False, "error": "unknown code"})
    return json.dumps({"n": number, "ok": True, "data": _flat(airport)})


def acknowledge(event: object, directory: Directory) -> Answer:
    """Candidate: what acknowledges a `lookup` event."""
    if not isinstance(event, dict) or "code" not in event:
        return problem(400, code="malformed-message", detail="A look-up is an object with a code.")
    code = event["code"].strip() if isinstance(event["code"], str) else ""
    if not code.isalnum() or len(code) > LONGEST_CODE:
        return problem(400, code="malformed-code", detail="An airport's code has three or four letters or digits.")
    airport = directory.find(code)
    if airport is None:
        return problem(404, code="unknown-airport", detail="There is no airport with this code.")
    return Answer({"airport": _nested(airport)})


def _flat(airport: Airport) -> Body:
    return {
        "icao": airport.icao,
        "iata": airport.iata,
        "name": airport.name,
        "city": airport.city,
        "country": airport.country,
        "lat": airport.latitude,
        "lon": airport.longitude,
        "tz": airport.time_zone,
    }


def _nested(airport: Airport) -> Body:
    return {
        "codes": {"icao": airport.icao, "iata": airport.iata},
        "name": airport.name,
        "place": {"city": airport.city, "country": airport.country},
        "position": [airport.latitude, airport.longitude],
        "timeZone": airport.time_zone,
    }


_MEANINGS = {"bad frame": "malformed-message", "bad code": "malformed-code", "unknown code": "unknown-airport"}


def differences(legacy: Answer, candidate: Answer) -> list[str]:
    """Compare every field of the airport, or the meaning of the refusal.

    Intended differences: the shape (legacy's flat record in a frame with its number, candidate's nested one in an
    acknowledgement) and the words of a refusal: bad frame and malformed-message, bad code and malformed-code, unknown
    code and unknown-airport are the same.
    """
    if legacy.status != candidate.status:
        return ["status"]
    if not legacy.body["ok"]:
        said = _MEANINGS.get(str(legacy.body["error"]), str(legacy.body["error"]))
        return [] if said == candidate.body.get("code") else ["code"]
    return differing(cast("Body", legacy.body["data"]), _flattened(candidate.body["airport"]))


def _flattened(nested: object) -> Body:
    airport = cast("dict[str, dict[str, object]]", nested)
    latitude, longitude = cast("list[float]", airport["position"])
    named = {"name": airport["name"], "lat": latitude, "lon": longitude, "tz": airport["timeZone"]}
    return {**airport["codes"], **airport["place"], **named}


def alter(answer: Answer, directory: Directory) -> Answer:
    """The airport next to the one that was asked for; another code."""
    if "airport" not in answer.body:
        return replace(answer, body={**answer.body, "code": "unknown"})
    icao = str(_flattened(answer.body["airport"])["icao"])
    return replace(answer, body={"airport": _nested(directory.after(icao))})


def build(directory: Directory) -> Component:
    """The component over one directory; the parameter `message` is the JSON text of one message."""

    async def legacy(params: Params) -> Answer:
        answered = json.loads(answer_frame(params["message"], directory))
        return Answer(answered, status=_STATUS[answered.get("error")])

    async def candidate(params: Params) -> Answer:
        return acknowledge(_event(params["message"]), directory)

    return Component(
        name=NAME,
        legacy=legacy,
        candidate=candidate,
        differences=differences,
        alter=lambda answer: alter(answer, directory),
        probes=(({"message": '{"n": 1, "code": "FRA"}'}, "EDDF"), ({"message": '{"n": 2, "code": "kjfk"}'}, "KJFK")),
    )


def _event(message: str) -> object:
    try:
        return json.loads(message)
    except (ValueError, RecursionError):
        return None
