"""Subscribers of a stream of changes: after a lost connection from zero (legacy), resumed where it broke (candidate).

A subscriber says what it watches (`subscribe`), asks for what is new (`more`), and after a lost connection says who it
was and which number it saw last (`resume`). Legacy knows nothing of the past: it sends the whole log again. Candidate
remembers the session and sends what was missed, or a snapshot when that is more than it keeps.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from secrets import token_urlsafe
from typing import TypeAlias, TypeVar, cast

from examples.airports.answers import Answer, Body, Malformed, Params
from examples.airports.component import Component, differing
from examples.airports.components.changes import CHANGES_A_SECOND, Change, State, Stream
from examples.airports.memory import Memory

NAME = "websocket-connection-migration"
MOST_SESSIONS = 1000
BUDGET_BYTES = 1 << 20
_SESSION_BYTES = 200
_LARGEST_NUMBER = 10**12
_MOST_SECONDS_APART = 10
_REGION = re.compile(r"[A-Z]{0,2}", re.ASCII)
_SESSION = re.compile(r"[\w-]{0,32}", re.ASCII)

Listed: TypeAlias = Mapping[str, object]
Field = TypeVar("Field", str, int)


class Kind(StrEnum):
    """What a subscriber wants."""

    SUBSCRIBE = "subscribe"
    MORE = "more"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Request:
    """A subscriber's message; `region` is the beginning of ICAO codes."""

    kind: Kind
    region: str
    after: int
    session: str


def read(params: Params) -> Request:
    """The request of a message; Malformed when it is none."""
    try:
        return _request(json.loads(params["message"]))
    except (ValueError, RecursionError):
        detail = "A message has a kind (subscribe, more, resume), a region, the last number and a session."
        raise Malformed("malformed-message", "message", detail) from None


def _request(message: object) -> Request:
    kind, region, session = (_field(message, name, str) for name in ("kind", "region", "session"))
    after = _field(message, "after", int)
    if not _REGION.fullmatch(region) or not _SESSION.fullmatch(session) or not 0 <= after <= _LARGEST_NUMBER:
        raise ValueError
    return Request(Kind(kind), region, after, session)


def _field(message: object, name: str, kind: type[Field]) -> Field:
    value = message.get(name, kind()) if isinstance(message, dict) else None
    if type(value) is not kind:
        raise ValueError
    return value


def from_zero(request: Request, stream: Stream) -> Answer:
    """Legacy: whoever does not just ask for more gets everything."""
    until = stream.advance()
    after = request.after if request.kind is Kind.MORE else 0
    changes = [change.as_json() for change in stream.logged(request.region, after=after)]
    return Answer({"region": request.region, "after": after, "until": until, "changes": changes})


class Sessions:
    """Candidate: the subscribers that may come back; those that were away longest are forgotten."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._regions: OrderedDict[str, str] = OrderedDict()

    def answer(self, request: Request) -> Answer:
        """What was missed, or a snapshot under a new session."""
        until = self._stream.advance()
        if request.kind is not Kind.SUBSCRIBE and self._regions.get(request.session) == request.region:
            missed = self._stream.remembered(request.region, after=request.after)
            if missed is not None:
                self._regions.move_to_end(request.session)
                return _missed(request, until, missed)
        session = self._new(request.region)
        snapshot = {airport: change.as_json() for airport, change in self._stream.state(request.region).items()}
        return Answer({"session": session, "region": request.region, "until": until, "snapshot": snapshot})

    def kept_bytes(self) -> int:
        """What the sessions and the stream keep for them."""
        return len(self._regions) * _SESSION_BYTES + self._stream.recent_bytes()

    def _new(self, region: str) -> str:
        session = token_urlsafe(12)
        self._regions[session] = region
        while len(self._regions) > MOST_SESSIONS:
            self._regions.popitem(last=False)
        return session


def _missed(request: Request, until: int, missed: Sequence[Change]) -> Answer:
    known = {"session": request.session, "region": request.region, "after": request.after, "until": until}
    return Answer({**known, "changes": [change.as_json() for change in missed]})


def applied(body: Body, before: Mapping[str, Listed]) -> Mapping[str, Listed]:
    """The state that an answer leads to, for a subscriber who was at `before`."""
    if "snapshot" in body:
        return cast("Mapping[str, Listed]", body["snapshot"])
    changes = cast("Sequence[Listed]", body["changes"])
    return {**before, **{str(change["airport"]): change for change in changes}}


def differences(legacy: Answer, candidate: Answer, stream: Stream) -> list[str]:
    """Compare the states that the two answers lead to, board by board with every field.

    Intended differences: how a subscriber gets there (everything, what was missed, a snapshot), and the session. An
    answer that was given a moment later may be further on by the changes in between, but by no more than 10 s of them.
    """
    if legacy.status != candidate.status:
        return ["status"]
    if legacy.status != HTTPStatus.OK:
        return differing(legacy.body, candidate.body)
    if legacy.body["region"] != candidate.body["region"]:
        return ["region"]
    first, last = sorted(cast("int", answer.body["until"]) for answer in (legacy, candidate))
    if last - first > _MOST_SECONDS_APART * CHANGES_A_SECOND:
        return ["until"]
    region = str(legacy.body["region"])
    moved = {change.airport for change in stream.logged(region, after=first, until=last)}
    ours, theirs = (_reached(answer.body, region, stream) for answer in (legacy, candidate))
    return [f"state.{airport}" for airport in differing(ours, theirs) if airport not in moved]


def _reached(body: Body, region: str, stream: Stream) -> Mapping[str, Listed]:
    after = cast("int", body.get("after", 0))
    before: State = {change.airport: change for change in stream.logged(region, until=after)}
    return applied(body, {airport: change.as_json() for airport, change in before.items()})


def alter(answer: Answer) -> Answer:
    """A board with another delay; without boards, a number that is not reached yet; a refusal with another code."""
    if answer.status != HTTPStatus.OK:
        return replace(answer, body={**answer.body, "code": "unknown"})
    if snapshot := cast("Mapping[str, Listed]", answer.body.get("snapshot", {})):
        airport, change = next(iter(snapshot.items()))
        return replace(answer, body={**answer.body, "snapshot": {**snapshot, airport: _delayed(change)}})
    if changes := cast("Sequence[Listed]", answer.body.get("changes", ())):
        return replace(answer, body={**answer.body, "changes": [*changes[:-1], _delayed(changes[-1])]})
    return replace(answer, body={**answer.body, "until": cast("int", answer.body["until"]) + 1000})


def _delayed(change: Listed) -> Listed:
    return {**change, "delay_minutes": cast("int", change["delay_minutes"]) + 7}


def build(stream: Stream) -> Component:
    """The component over one stream."""
    sessions = Sessions(stream)

    async def legacy(params: Params) -> Answer:
        return from_zero(read(params), stream)

    async def candidate(params: Params) -> Answer:
        return sessions.answer(read(params))

    return Component(
        name=NAME,
        legacy=legacy,
        candidate=candidate,
        differences=lambda one, other: differences(one, other, stream),
        alter=alter,
        probes=(
            ({"message": '{"kind": "subscribe", "region": "ED"}'}, "EDDF"),
            ({"message": '{"kind": "resume", "region": "E", "session": "nobody", "after": 5}'}, "EDDF"),
        ),
        memory={
            "legacy": Memory(BUDGET_BYTES, stream.log_bytes),
            "candidate": Memory(BUDGET_BYTES, sessions.kept_bytes),
        },
    )
