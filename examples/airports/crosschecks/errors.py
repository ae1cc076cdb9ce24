"""The same mistake is the same problem everywhere, and a distance is a distance."""

from collections.abc import Mapping
from typing import cast

from examples.airports.crosschecks.candidates import Candidates, Findings
from examples.airports.crosschecks.utilities import SIMILAR

DISTANCE = "errors-problem-details"
COMMON: Mapping[str, Mapping[str, str]] = {
    DISTANCE: {},
    "errors-result-types": {"departs": "2026-07-01T14:30"},
    "errors-middleware": {"op": "course"},
}
_TOLERANCE_KM = 0.11
# What the code of a problem begins with: the general handler says `unknown`, the others what it is that is not known.
_MISTAKES = (
    ({"from": "QQQ9", "to": "EDDF"}, 404, "unknown", "from"),
    ({"from": "EDDF", "to": "QQQ9"}, 404, "unknown", "to"),
    ({"from": "F!", "to": "EDDF"}, 400, "malformed", "from"),
    ({"from": "EDDF"}, 400, "missing-parameter", "to"),
    ({"from": "EDDF", "to": "fra"}, 422, "same-airport", "to"),
)
_PAIRS = (("FRA", "JFK"), ("ZRH", "GRU"), ("JFK", "ZRH"))


async def check(candidates: Candidates, findings: Findings) -> None:
    """Distance, flight and guide agree on mistakes and distances, and the recommendations with them."""
    for component, common in COMMON.items():
        for params, status, code, parameter in _MISTAKES:
            answer = await candidates.ask(component, {**common, **params})
            said = str(answer.body.get("code"))
            is_same = answer.status == status and said.startswith(code) and _blames(answer.body, parameter)
            findings.expect(is_same, component, f"{code} in {parameter} is {answer.status} {said}")
        for start, end in _PAIRS:
            away = (await candidates.facts(component, **common, **{"from": start, "to": end}))["kilometres"]
            expected = await kilometres(candidates, start, end)
            findings.expect(is_near(away, expected), component, f"{start} is {away} km from {end}")
    for airport in await candidates.rows(SIMILAR, "similar", like="FRA"):
        expected = await kilometres(candidates, "FRA", str(airport["icao"]))
        findings.expect(is_near(airport["km"], expected), SIMILAR, f"{airport['icao']} is {airport['km']} km away")


async def kilometres(candidates: Candidates, start: str, end: str) -> float:
    """How far it is, from the end to the start."""
    return cast("float", (await candidates.facts(DISTANCE, **{"from": end, "to": start}))["kilometres"])


def is_near(one: object, other: float) -> bool:
    """Whether two distances are the same but for their rounding."""
    return isinstance(one, (int, float)) and abs(one - other) <= _TOLERANCE_KM


def _blames(body: Mapping[str, object], parameter: str) -> bool:
    return parameter in cast("list[str]", body.get("parameters", [body.get("parameter")]))
