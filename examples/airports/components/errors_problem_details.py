"""The distance between two airports, and above all its errors: ad-hoc bodies (legacy), RFC 9457 (candidate).

Legacy's bodies grew one by one: each kind of error has another shape. Candidate gives problem details with one code per
kind. Neither repeats what was sent, unless it is a well-formed code.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import TypeAlias

from examples.airports.answers import Answer, Body, Params, problem
from examples.airports.component import Component, differing
from examples.airports.directory import Airport, Directory, distance_km

NAME = "errors-problem-details"
_CODE = re.compile(r"[A-Za-z0-9]{3,4}", re.ASCII)
_PARAMETERS = ("from", "to")


class Kind(StrEnum):
    """What can be wrong with a question about two airports."""

    MISSING = "missing-parameter"
    MALFORMED = "malformed-code"
    UNKNOWN = "unknown-airport"
    SAME = "same-airport"


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is wrong; `value` is given only when it is a well-formed code."""

    kind: Kind
    parameter: str
    value: str | None = None


Pair: TypeAlias = tuple[Airport, Airport]

_STATUS = {Kind.MISSING: 400, Kind.MALFORMED: 400, Kind.UNKNOWN: 404, Kind.SAME: 422}
_LEGACY_NUMBERS = {Kind.MALFORMED: 17, Kind.SAME: 23}
_DETAILS = {
    Kind.MISSING: "Name two airports, in from and to.",
    Kind.MALFORMED: "An airport's code has three or four letters or digits.",
    Kind.UNKNOWN: "There is no airport with this code.",
    Kind.SAME: "From and to are the same airport.",
}


def look_up(params: Params, directory: Directory) -> Pair | Failure:
    """The two airports that a question names, or the first thing that is wrong with it."""
    found: list[Airport] = []
    for parameter in _PARAMETERS:
        code = params.get(parameter, "").strip()
        if not code:
            return Failure(Kind.MISSING, parameter)
        if not _CODE.fullmatch(code):
            return Failure(Kind.MALFORMED, parameter)
        airport = directory.find(code)
        if airport is None:
            return Failure(Kind.UNKNOWN, parameter, code.upper())
        found.append(airport)
    start, end = found
    return Failure(Kind.SAME, "to", start.icao) if start == end else (start, end)


def legacy_refusal(failure: Failure) -> Answer:
    """The body that this kind of error happened to get."""
    status = _STATUS[failure.kind]
    if failure.kind is Kind.MISSING:
        return Answer({"errors": [{"field": failure.parameter, "msg": "required"}]}, status=status)
    if failure.kind is Kind.UNKNOWN:
        return Answer({"error": f"not found: {failure.value}", "arg": failure.parameter}, status=status)
    number = _LEGACY_NUMBERS[failure.kind]
    body: Body = {"ok": False, "errno": number, "arg": failure.parameter, "val": failure.value or ""}
    return Answer(body, status=status)


def candidate_refusal(failure: Failure) -> Answer:
    """Problem details of this error."""
    about = {"parameter": failure.parameter} | ({"value": failure.value} if failure.value else {})
    return problem(_STATUS[failure.kind], code=failure.kind, detail=_DETAILS[failure.kind], **about)


def legacy_meaning(body: Body) -> Mapping[str, object]:
    """What legacy's body says, whatever its shape."""
    if isinstance(errors := body.get("errors"), list):
        return _meaning(Kind.MISSING, errors[0]["field"] if errors[0]["msg"] == "required" else None, "")
    if "error" in body:
        return _meaning(Kind.UNKNOWN, body.get("arg"), str(body["error"]).removeprefix("not found: "))
    kinds = {number: kind for kind, number in _LEGACY_NUMBERS.items()}
    return _meaning(kinds.get(body.get("errno")), body.get("arg"), body.get("val"))  # type: ignore[call-overload]


def candidate_meaning(body: Body) -> Mapping[str, object]:
    """What a problem says; its status, type and title have to agree with its code."""
    meaning = _meaning(body.get("code"), body.get("parameter"), body.get("value", ""))
    expected = {**body, "type": f"urn:airports:problem:{body.get('code')}"}
    return {**meaning, "status": body.get("status"), "typeAgrees": expected == dict(body)}


def _meaning(kind: object, parameter: object, value: object) -> Mapping[str, object]:
    return {"code": kind, "parameter": parameter, "value": value}


def differences(legacy: Answer, candidate: Answer) -> list[str]:
    """Compare the distance, or the status and the meaning of the refusal.

    Intended differences: the format of a refusal (media type and shape of the body). Status, kind of error, the
    parameter and the code that it is about must agree; legacy's missing `val` and candidate's missing `value` are both
    "none".
    """
    if legacy.status != candidate.status:
        return ["status"]
    if legacy.status == HTTPStatus.OK:
        return differing(legacy.body, candidate.body)
    found = [] if candidate.media_type == "application/problem+json" else ["mediaType"]
    told = {**legacy_meaning(legacy.body), "status": legacy.status, "typeAgrees": True}
    return found + differing(told, candidate_meaning(candidate.body))


def alter(answer: Answer) -> Answer:
    """A distance that is 10 % too long; a problem that blames the other parameter."""
    body = dict(answer.body)
    if isinstance(kilometres := body.get("kilometres"), float):
        return replace(answer, body={**body, "kilometres": round(kilometres * 1.1 + 1, 1)})
    other = _PARAMETERS[1 - _PARAMETERS.index(str(body["parameter"]))]
    return replace(answer, body={**body, "parameter": other})


def build(directory: Directory) -> Component:
    """The component over one directory."""

    async def legacy(params: Params) -> Answer:
        found = look_up(params, directory)
        return legacy_refusal(found) if isinstance(found, Failure) else _distance(*found)

    async def candidate(params: Params) -> Answer:
        found = look_up(params, directory)
        return candidate_refusal(found) if isinstance(found, Failure) else _distance(*found)

    return Component(
        name=NAME,
        legacy=legacy,
        candidate=candidate,
        differences=differences,
        alter=alter,
        probes=(({"from": "FRA", "to": "KJFK"}, "EDDF"), ({"from": "ZZZ", "to": "EDDF"}, "ZZZ")),
        path="/distance",
    )


def _distance(start: Airport, end: Airport) -> Answer:
    kilometres = distance_km(start.latitude, start.longitude, end.latitude, end.longitude)
    return Answer({"from": start.icao, "to": end.icao, "kilometres": round(kilometres, 1)})
