"""Departure boards from a provider: a hand-made client of its live service (legacy), the provider's own (candidate).

The application is a client itself here. A person's message asks for the board of an airport at a quarter of an hour;
both clients ask the provider for it and check what they are told in their own way.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import cast

from pydantic import BaseModel, ConfigDict

from examples.airports.answers import Answer, Malformed, Params, problem
from examples.airports.component import Component, differing
from examples.airports.components.boards import Boards

NAME = "websocket-provider-sdk"
WATCHER = "watcher"
"""The parameter that says whose connection to the provider is to be used; no person can set it."""
LONGEST_CODE = 4
_HTTP = {"malformed": (400, "malformed-question"), "unknown": (404, "unknown-airport")}


class Flight(BaseModel):
    """A line of a board."""

    model_config = ConfigDict(extra="forbid", strict=True)

    flight: str
    to: str
    at: str
    gate: str
    state: str


class Board(BaseModel):
    """Candidate's view of what the provider tells."""

    model_config = ConfigDict(extra="forbid", strict=True)

    airport: str
    slot: int
    flights: list[Flight]


def read(params: Params) -> Mapping[str, object]:
    """What to ask the provider; it judges the slot and whether there is such an airport."""
    try:
        message = json.loads(params["message"])
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise Malformed("malformed-message", "message", "A question is an object with a code and a slot.")
    code = message.get("code")
    if not isinstance(code, str) or not code.strip().isalnum() or len(code.strip()) > LONGEST_CODE:
        raise Malformed("malformed-code", "code", "An airport's code has three or four letters or digits.")
    return {"airport": code.strip(), "slot": message.get("slot")}


def legacy_answer(told: Mapping[str, object]) -> Answer:
    """Pick the board apart by hand."""
    if "refused" in told:
        return _refused(str(told["refused"]))
    flights = [
        {name: line[name] for name in ("flight", "to", "at", "gate", "state")}
        for line in cast("list[Mapping[str, str]]", told["flights"])
    ]
    return Answer({"airport": told["airport"], "slot": told["slot"], "flights": flights})


def candidate_answer(told: Mapping[str, object]) -> Answer:
    """Let the model check the board."""
    if "refused" in told:
        return _refused(str(told["refused"]))
    return Answer(Board.model_validate(told).model_dump())


def _refused(reason: str) -> Answer:
    status, code = _HTTP[reason]
    return problem(status, code=code, detail="The provider has no such board.")


def differences(legacy: Answer, candidate: Answer) -> list[str]:
    """Compare status, the airport, the slot, and every flight in its order with every field.

    Intended differences: none. The provider tells both clients the same.
    """
    if legacy.status != candidate.status:
        return ["status"]
    return differing(legacy.body, candidate.body)


def alter(answer: Answer) -> Answer:
    """The first flight leaves from another gate; a refusal with another code."""
    if answer.status != HTTPStatus.OK:
        return replace(answer, body={**answer.body, "code": "unknown"})
    first, *rest = cast("list[Mapping[str, str]]", answer.body["flights"])
    return replace(answer, body={**answer.body, "flights": [{**first, "gate": f"{first['gate']}X"}, *rest]})


def build(boards: Boards) -> Component:
    """The component over one set of connections; it closes them."""

    async def legacy(params: Params) -> Answer:
        told = await boards.ask("legacy", read(params), watcher=params.get(WATCHER, ""))
        return legacy_answer(told)

    async def candidate(params: Params) -> Answer:
        told = await boards.ask("candidate", read(params), watcher=params.get(WATCHER, ""))
        return candidate_answer(told)

    return Component(
        name=NAME,
        legacy=legacy,
        candidate=candidate,
        differences=differences,
        alter=alter,
        probes=(
            ({"message": '{"code": "FRA", "slot": 32}'}, "EDDF"),
            ({"message": '{"code": "kjfk", "slot": 95}'}, "KJFK"),
        ),
        close=boards.close,
    )
