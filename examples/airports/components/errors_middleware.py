"""A small guide with four operations: each renders its own errors (legacy), one handler around all (candidate).

Legacy's operations were written at different times: every one catches what it thought of and answers in its own words
and shape, and they do not agree on the status. Candidate's raise, and one table says what the raised means to a client.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from http import HTTPStatus
from typing import ClassVar, TypeAlias

from examples.airports.answers import Answer, Params, Side, problem
from examples.airports.component import Component, differing
from examples.airports.components.guide import CODE, COUNTRY, DAY, Facts, Guide
from examples.airports.directory import Airport, Directory

NAME = "errors-middleware"
PATH = "/guide"

Operation: TypeAlias = Callable[[Params], Facts]


class LegacyGuide:
    """Four routes, four habits."""

    def __init__(self, guide: Guide) -> None:
        self._guide = guide

    async def __call__(self, params: Params) -> Answer:
        """The answer of the operation, whatever it makes of its errors."""
        match params.get("op", ""):
            case "airport":
                return self._airport(params)
            case "course":
                return self._course(params)
            case "zone":
                return self._zone(params)
            case "extremes":
                return self._extremes(params)
            case _:
                return Answer({"detail": "Not Found"}, status=404)

    def _airport(self, params: Params) -> Answer:
        try:
            code = params["code"].strip()
            if not code:
                return Answer({"error": "code required"}, status=400)
            if not CODE.fullmatch(code):
                return Answer({"error": "bad code"}, status=400)
            return Answer(self._guide.airport(_found(self._guide.directory.find(code))))
        except KeyError:
            return Answer({"error": "code required"}, status=400)
        except LookupError:
            return Answer({"error": "no such airport"}, status=404)

    def _course(self, params: Params) -> Answer:
        codes = [params.get(name, "").strip() for name in ("from", "to")]
        if not all(codes):
            return Answer({"ok": False, "reason": "two codes needed"}, status=422)
        if not all(CODE.fullmatch(code) for code in codes):
            return Answer({"ok": False, "reason": "code syntax"}, status=422)
        try:
            start, end = (_found(self._guide.directory.find(code)) for code in codes)
        except LookupError:
            return Answer({"ok": False, "reason": "code unknown"}, status=422)
        if start == end:
            return Answer({"ok": False, "reason": "no distance"}, status=422)
        return Answer(self._guide.course(start, end))

    def _zone(self, params: Params) -> Answer:
        try:
            code, day = params["code"].strip(), params["day"].strip()
            assert code
            assert day
        except (KeyError, AssertionError):
            return Answer({"message": "Missing argument", "errno": 1}, status=400)
        try:
            if not CODE.fullmatch(code):
                return Answer({"message": "Invalid airport", "errno": 2}, status=400)
            airport = _found(self._guide.directory.find(code))
            if not DAY.fullmatch(day):
                return Answer({"message": "Invalid day", "errno": 4}, status=400)
            return Answer(self._guide.zone(airport, date.fromisoformat(day)))
        except ValueError:
            return Answer({"message": "Invalid day", "errno": 4}, status=400)
        except LookupError:
            return Answer({"message": "Unknown airport", "errno": 3}, status=400)

    def _extremes(self, params: Params) -> Answer:
        country = params.get("country", "").strip().upper()
        if not country:
            return Answer({"result": None, "why": "which country?"}, status=400)
        if not COUNTRY.fullmatch(country):
            return Answer({"result": None, "why": "not a country code"}, status=400)
        if not self._guide.has_country(country):
            return Answer({"result": None, "why": "nothing there"})
        return Answer(self._guide.extremes(country))


def _found(airport: Airport | None) -> Airport:
    if airport is None:
        raise IndexError
    return airport


class Refused(Exception):
    """Candidate's base of what a client has done wrong."""

    status: ClassVar[HTTPStatus]
    code: ClassVar[str]
    detail: ClassVar[str]

    def __init__(self, *parameters: str) -> None:
        self.parameters = parameters
        super().__init__(*parameters)


class MissingParameter(Refused):
    """A parameter of this operation is missing."""

    status, code, detail = HTTPStatus.BAD_REQUEST, "missing-parameter", "A parameter of this operation is missing."


class MalformedParameter(Refused):
    """A parameter does not have the form that it must have."""

    status, code, detail = HTTPStatus.BAD_REQUEST, "malformed-parameter", "A parameter has not the form it must have."


class Unknown(Refused):
    """There is nothing of this name."""

    status, code, detail = HTTPStatus.NOT_FOUND, "unknown", "There is nothing of this name."


class SameAirport(Refused):
    """Two parameters name the same airport."""

    status, code, detail = HTTPStatus.UNPROCESSABLE_ENTITY, "same-airport", "From and to are the same airport."


class Operations:
    """Candidate's four operations: each says what it does, and raises."""

    def __init__(self, guide: Guide) -> None:
        self._guide = guide
        self._operations: Mapping[str, Operation] = {
            "airport": lambda params: guide.airport(self._look_up(params, "code")),
            "course": self._course,
            "zone": self._zone,
            "extremes": self._extremes,
        }

    def __call__(self, params: Params) -> Facts:
        """What the operation gives; Refused when it cannot."""
        operation = self._operations.get(params.get("op", ""))
        if operation is None:
            raise Unknown("op")
        return operation(params)

    def _course(self, params: Params) -> Facts:
        _required(params, "from", "to")
        start, end = self._look_up_all(params, "from", "to")
        if start == end:
            raise SameAirport("from", "to")
        return self._guide.course(start, end)

    def _zone(self, params: Params) -> Facts:
        _required(params, "code", "day")
        return self._guide.zone(self._look_up(params, "code"), _day(params, "day"))

    def _extremes(self, params: Params) -> Facts:
        (country,) = _required(params, "country")
        if not COUNTRY.fullmatch(country):
            raise MalformedParameter("country")
        if not self._guide.has_country(country.upper()):
            raise Unknown("country")
        return self._guide.extremes(country.upper())

    def _look_up(self, params: Params, name: str) -> Airport:
        (airport,) = self._look_up_all(params, name)
        return airport

    def _look_up_all(self, params: Params, *names: str) -> list[Airport]:
        codes = dict(zip(names, _required(params, *names), strict=True))
        if malformed := [name for name, code in codes.items() if not CODE.fullmatch(code)]:
            raise MalformedParameter(*malformed)
        found = {name: self._guide.directory.find(code) for name, code in codes.items()}
        if unknown := [name for name, airport in found.items() if airport is None]:
            raise Unknown(*unknown)
        return [airport for airport in found.values() if airport is not None]


def handled(operations: Operation) -> Side:
    """The one handler: what a client did wrong becomes a problem; anything else is a failure and passes."""

    async def side(params: Params) -> Answer:
        try:
            return Answer(operations(params))
        except Refused as error:
            return problem(error.status, code=error.code, detail=error.detail, parameters=list(error.parameters))

    return side


def _required(params: Params, *names: str) -> list[str]:
    values = [params.get(name, "").strip() for name in names]
    if missing := [name for name, value in zip(names, values, strict=True) if not value]:
        raise MissingParameter(*missing)
    return values


def _day(params: Params, name: str) -> date:
    (value,) = _required(params, name)
    try:
        if DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        raise MalformedParameter(name) from None
    raise MalformedParameter(name)


_BY_WORDS: Mapping[str, type[Refused]] = {
    "Not Found": Unknown,
    "code required": MissingParameter,
    "bad code": MalformedParameter,
    "no such airport": Unknown,
    "two codes needed": MissingParameter,
    "code syntax": MalformedParameter,
    "code unknown": Unknown,
    "no distance": SameAirport,
    "Missing argument": MissingParameter,
    "Invalid airport": MalformedParameter,
    "Unknown airport": Unknown,
    "Invalid day": MalformedParameter,
    "which country?": MissingParameter,
    "not a country code": MalformedParameter,
    "nothing there": Unknown,
}


def meaning(legacy: Answer) -> type[Refused] | None:
    """What legacy's refusal means, whichever of its shapes it has; None for facts."""
    words = [legacy.body[key] for key in ("detail", "error", "reason", "message", "why") if key in legacy.body]
    return _BY_WORDS[str(words[0])] if words else None


def differences(legacy: Answer, candidate: Answer) -> list[str]:
    """Compare the facts, or the meaning of the refusal.

    Intended differences: a refusal's shape and words, and its status where legacy's operations disagree: `course` says
    422 to everything, `zone` says 400 for an unknown airport, `extremes` says 200 for a country without airports.
    Candidate's status must be the one that belongs to the meaning; legacy cannot name the parameters, so that only
    their being there is checked.
    """
    refused = meaning(legacy)
    if candidate.status != (refused.status if refused else legacy.status):
        return ["status"]
    if refused is None:
        return differing(legacy.body, candidate.body)
    found = [] if candidate.media_type == "application/problem+json" else ["mediaType"]
    told = {name: candidate.body.get(name) for name in ("code", "type", "status")}
    expected = {"code": refused.code, "type": f"urn:airports:problem:{refused.code}", "status": refused.status}
    found += differing(expected, told)
    return found if candidate.body.get("parameters") else [*found, "parameters"]


def alter(answer: Answer) -> Answer:
    """A number or name that is another; a refusal with another code."""
    if answer.status != HTTPStatus.OK:
        return replace(answer, body={**answer.body, "code": "other"})
    name, value = list(answer.body.items())[-1]
    return replace(answer, body={**answer.body, name: _another(value)})


def _another(value: object) -> object:
    if isinstance(value, Mapping):
        return {**value, "elevation_ft": _another(value["elevation_ft"])}
    return value + 60 if isinstance(value, (int, float)) else f"{value}X"


def build(directory: Directory) -> Component:
    """The component over one directory; the parameter `op` names the operation."""
    guide = Guide(directory)
    return Component(
        name=NAME,
        legacy=LegacyGuide(guide),
        candidate=handled(Operations(guide)),
        differences=differences,
        alter=alter,
        probes=(
            ({"op": "course", "from": "FRA", "to": "KJFK"}, "EDDF"),
            ({"op": "zone", "code": "LSZH", "day": "2026-07-01"}, "LSZH"),
            ({"op": "extremes", "country": "NP"}, "VNLT"),
        ),
        path=PATH,
    )
