"""When a flight arrives, a question with nine ways to fail: exceptions as control flow (legacy), `returns` (candidate).

Legacy raises from the depth of what it calls and catches at the top; which failures there are, only its `except`
clauses know. Candidate's steps give a `Result`: each failure is a value with a type, and mypy sees who forgets it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from returns.result import Failure, Result, Success

from examples.airports.answers import Answer, Params, problem
from examples.airports.component import Component, differing
from examples.airports.components.flights import CODE, FURTHEST_KM, LOCAL_TIME, YEARS, Leg, exists, schedule
from examples.airports.directory import Airport, Directory

NAME = "errors-result-types"
PATH = "/flight"
_PARAMETERS = ("from", "to", "departs")


class Kind(StrEnum):
    """What can be wrong with a question about a flight."""

    MISSING = "missing-parameter"
    MALFORMED_CODE = "malformed-code"
    UNKNOWN = "unknown-airport"
    SAME = "same-airport"
    TOO_FAR = "too-far"
    MALFORMED_TIME = "malformed-time"
    OUT_OF_CALENDAR = "out-of-calendar"
    NO_ZONE = "unknown-time-zone"
    NO_SUCH_TIME = "no-such-time"


_TOLD = {
    Kind.MISSING: (400, "Name two airports, in from and to, and the local time of departure, in departs."),
    Kind.MALFORMED_CODE: (400, "An airport's code has three or four letters or digits."),
    Kind.UNKNOWN: (404, "There is no airport with this code."),
    Kind.SAME: (422, "From and to are the same airport."),
    Kind.TOO_FAR: (422, f"No direct flight is longer than {FURTHEST_KM:,.0f} km."),
    Kind.MALFORMED_TIME: (400, "A local time looks like 2026-07-01T14:30."),
    Kind.OUT_OF_CALENDAR: (422, f"The calendar has the years {YEARS[0]} to {YEARS[-1]}."),
    Kind.NO_ZONE: (422, "The time zone of this airport is not known."),
    Kind.NO_SUCH_TIME: (422, "The clocks at the airport of departure skip this time."),
}


def refusal(kind: Kind, parameter: str) -> Answer:
    """Problem details; what was sent is not repeated."""
    status, detail = _TOLD[kind]
    return problem(status, code=kind, detail=detail, parameter=parameter)


class FlightError(Exception):
    """Legacy's base of all that can go wrong."""

    kind: Kind

    def __init__(self, parameter: str) -> None:
        self.parameter = parameter
        super().__init__(parameter)


class InputError(FlightError):
    """Something is missing."""

    kind = Kind.MISSING


class CodeError(InputError):
    """A code that is none."""

    kind = Kind.MALFORMED_CODE


class TimeError(InputError):
    """A time that is none, or a kind of it."""

    def __init__(self, parameter: str, kind: Kind = Kind.MALFORMED_TIME) -> None:
        self.kind = kind
        super().__init__(parameter)


class RouteError(FlightError):
    """Two airports without a direct flight."""

    def __init__(self, parameter: str, kind: Kind) -> None:
        self.kind = kind
        super().__init__(parameter)


class LegacyFlights:
    """Every method gives what it is named after, or raises."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def __call__(self, params: Params) -> Answer:
        """The answer: whatever was raised below ends here."""
        try:
            leg = self._leg(params)
            departs = self._departure(params, leg.start)
            return Answer(schedule(leg, departs, self._zone(leg.end, "to")))
        except FlightError as error:
            return refusal(error.kind, error.parameter)
        except LookupError as error:
            return refusal(Kind.UNKNOWN, str(error.args[0]))

    def _leg(self, params: Params) -> Leg:
        leg = Leg(self._airport(params, "from"), self._airport(params, "to"))
        if leg.start == leg.end:
            raise RouteError("to", Kind.SAME)
        if leg.kilometres > FURTHEST_KM:
            raise RouteError("to", Kind.TOO_FAR)
        return leg

    def _airport(self, params: Params, parameter: str) -> Airport:
        code = self._given(params, parameter)
        if not CODE.fullmatch(code):
            raise CodeError(parameter)
        airport = self._directory.find(code)
        if airport is None:
            raise LookupError(parameter)
        return airport

    def _given(self, params: Params, parameter: str) -> str:
        try:
            value = params[parameter].strip()
        except KeyError:
            raise InputError(parameter) from None
        if not value:
            raise InputError(parameter)
        return value

    def _departure(self, params: Params, airport: Airport) -> datetime:
        given = self._given(params, "departs")
        try:
            if not LOCAL_TIME.fullmatch(given):
                raise TimeError("departs")
            moment = datetime.fromisoformat(given)
        except ValueError:
            raise TimeError("departs") from None
        if moment.year not in YEARS:
            raise TimeError("departs", Kind.OUT_OF_CALENDAR)
        moment = moment.replace(tzinfo=self._zone(airport, "from"))
        if not exists(moment):
            raise TimeError("departs", Kind.NO_SUCH_TIME)
        return moment

    def _zone(self, airport: Airport, parameter: str) -> ZoneInfo:
        try:
            return ZoneInfo(airport.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise TimeError(parameter, Kind.NO_ZONE) from None


@dataclass(frozen=True, slots=True)
class Refused:
    """Candidate's failure: a value."""

    kind: Kind
    parameter: str


def arrival(params: Params, directory: Directory) -> Result[Mapping[str, object], Refused]:
    """Candidate: the schedule, or the first thing that is wrong."""
    return (
        _leg(params, directory)
        .bind(lambda leg: _departure(params, leg.start).map(lambda departs: (leg, departs)))
        .bind(lambda found: _zone(found[0].end, "to").map(lambda zone: schedule(*found, zone)))
    )


def _rendered(refused: Refused) -> Result[Answer, Refused]:
    return Success(refusal(refused.kind, refused.parameter))


def _leg(params: Params, directory: Directory) -> Result[Leg, Refused]:
    start, end = (_airport(params, parameter, directory) for parameter in ("from", "to"))
    return start.bind(lambda one: end.map(lambda other: Leg(one, other))).bind(_flown)


def _flown(leg: Leg) -> Result[Leg, Refused]:
    if leg.start == leg.end:
        return Failure(Refused(Kind.SAME, "to"))
    return Success(leg) if leg.kilometres <= FURTHEST_KM else Failure(Refused(Kind.TOO_FAR, "to"))


def _airport(params: Params, parameter: str, directory: Directory) -> Result[Airport, Refused]:
    def look_up(code: str) -> Result[Airport, Refused]:
        if not CODE.fullmatch(code):
            return Failure(Refused(Kind.MALFORMED_CODE, parameter))
        airport = directory.find(code)
        return Success(airport) if airport else Failure(Refused(Kind.UNKNOWN, parameter))

    return _given(params, parameter).bind(look_up)


def _given(params: Params, parameter: str) -> Result[str, Refused]:
    value = params.get(parameter, "").strip()
    return Success(value) if value else Failure(Refused(Kind.MISSING, parameter))


def _departure(params: Params, airport: Airport) -> Result[datetime, Refused]:
    return (
        _given(params, "departs")
        .bind(_local_time)
        .bind(lambda moment: _zone(airport, "from").map(lambda zone: moment.replace(tzinfo=zone)))
        .bind(lambda moment: Success(moment) if exists(moment) else Failure(Refused(Kind.NO_SUCH_TIME, "departs")))
    )


def _local_time(given: str) -> Result[datetime, Refused]:
    if not LOCAL_TIME.fullmatch(given):
        return Failure(Refused(Kind.MALFORMED_TIME, "departs"))
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:  # the library raises; from here on it is a value
        return Failure(Refused(Kind.MALFORMED_TIME, "departs"))
    return Success(moment) if moment.year in YEARS else Failure(Refused(Kind.OUT_OF_CALENDAR, "departs"))


def _zone(airport: Airport, parameter: str) -> Result[ZoneInfo, Refused]:
    try:
        return Success(ZoneInfo(airport.time_zone))
    except (ZoneInfoNotFoundError, ValueError):
        return Failure(Refused(Kind.NO_ZONE, parameter))


def differences(legacy: Answer, candidate: Answer) -> list[str]:
    """Compare the status, and every field of the schedule or of the problem.

    Intended differences: none. How a failure travels inside is not to be seen outside.
    """
    if legacy.status != candidate.status:
        return ["status"]
    found = [] if legacy.media_type == candidate.media_type else ["mediaType"]
    return found + differing(legacy.body, candidate.body)


def alter(answer: Answer) -> Answer:
    """A flight that takes an hour longer; a problem that blames the next parameter."""
    body = dict(answer.body)
    if answer.status == HTTPStatus.OK and isinstance(minutes := body["minutes"], int):
        return replace(answer, body={**body, "minutes": minutes + 60})
    place = _PARAMETERS.index(str(body["parameter"])) if body.get("parameter") in _PARAMETERS else 0
    return replace(answer, body={**body, "parameter": _PARAMETERS[(place + 1) % len(_PARAMETERS)]})


def build(directory: Directory) -> Component:
    """The component over one directory."""

    async def candidate(params: Params) -> Answer:
        return arrival(params, directory).map(Answer).lash(_rendered).unwrap()

    return Component(
        name=NAME,
        legacy=LegacyFlights(directory),
        candidate=candidate,
        differences=differences,
        alter=alter,
        probes=(
            ({"from": "FRA", "to": "KJFK", "departs": "2026-07-01T14:30"}, "EDDF"),
            ({"from": "KJFK", "to": "LSZH", "departs": "2026-01-15T23:55"}, "LSZH"),
        ),
        path=PATH,
    )
