from collections.abc import Mapping
from dataclasses import replace

import pytest

from examples.airports.answers import Answer, Params
from examples.airports.component import Component
from examples.airports.components.errors_middleware import (
    MalformedParameter,
    MissingParameter,
    Refused,
    SameAirport,
    Unknown,
    build,
    differences,
    handled,
    meaning,
)
from examples.airports.directory import Directory

FACTS: list[tuple[dict[str, str], dict[str, object]]] = [
    (
        {"op": "airport", "code": "jfk"},
        {"icao": "KJFK", "name": "John F Kennedy International Airport", "city": "New York", "country": "US"},
    ),
    (
        {"op": "course", "from": "FRA", "to": "JFK"},
        {
            "from": "EDDF",
            "to": "KJFK",
            "course_degrees": pytest.approx(294, abs=1),
            "kilometres": pytest.approx(6186, abs=20),
        },
    ),
    (
        {"op": "zone", "code": "FRA", "day": "2026-07-01"},
        {"icao": "EDDF", "day": "2026-07-01", "utc_offset_minutes": 120},
    ),
    (
        {"op": "zone", "code": "FRA", "day": "2026-01-01"},
        {"icao": "EDDF", "day": "2026-01-01", "utc_offset_minutes": 60},
    ),
    (
        {"op": "extremes", "country": "np"},
        {
            "country": "NP",
            "lowest": {"icao": "VNKL", "elevation_ft": 0},
            "highest": {"icao": "VNLT", "elevation_ft": 12000},
        },
    ),
]
REFUSED: list[tuple[dict[str, str], int, type[Refused], list[str]]] = [
    ({}, 404, Unknown, ["op"]),
    ({"op": "drop table"}, 404, Unknown, ["op"]),
    ({"op": "airport"}, 400, MissingParameter, ["code"]),
    ({"op": "airport", "code": " "}, 400, MissingParameter, ["code"]),
    ({"op": "airport", "code": "F!"}, 400, MalformedParameter, ["code"]),
    ({"op": "airport", "code": "QQQ9"}, 404, Unknown, ["code"]),
    ({"op": "course", "from": "FRA"}, 422, MissingParameter, ["to"]),
    ({"op": "course"}, 422, MissingParameter, ["from", "to"]),
    ({"op": "course", "from": "FRA", "to": "\uff26\uff32\uff21"}, 422, MalformedParameter, ["to"]),
    ({"op": "course", "from": "QQQ9", "to": "QQQX"}, 422, Unknown, ["from", "to"]),
    ({"op": "course", "from": "FRA", "to": "EDDF"}, 422, SameAirport, ["from", "to"]),
    ({"op": "zone", "code": "FRA"}, 400, MissingParameter, ["day"]),
    ({"op": "zone", "code": "?", "day": "?"}, 400, MalformedParameter, ["code"]),
    ({"op": "zone", "code": "QQQ9", "day": "2026-07-01"}, 400, Unknown, ["code"]),
    ({"op": "zone", "code": "FRA", "day": "2026-02-30"}, 400, MalformedParameter, ["day"]),
    ({"op": "zone", "code": "FRA", "day": "2026-02-3٣"}, 400, MalformedParameter, ["day"]),
    ({"op": "extremes"}, 400, MissingParameter, ["country"]),
    ({"op": "extremes", "country": "DEU"}, 400, MalformedParameter, ["country"]),
    ({"op": "extremes", "country": "XX"}, 200, Unknown, ["country"]),
]


@pytest.fixture
def component(directory: Directory) -> Component:
    return build(directory)


async def _both(component: Component, params: Params) -> tuple[Answer, Answer]:
    return await component.legacy(params), await component.candidate(params)


@pytest.mark.parametrize(("params", "facts"), FACTS)
async def test_both_give_the_same_facts(component: Component, params: Params, facts: Mapping[str, object]) -> None:
    legacy, candidate = await _both(component, params)
    assert legacy == candidate
    assert candidate.body == facts


@pytest.mark.parametrize(("params", "legacy_status", "refused", "parameters"), REFUSED)
async def test_a_refusal_means_the_same_on_both_sides(
    component: Component, params: Params, legacy_status: int, refused: type[Refused], parameters: list[str]
) -> None:
    legacy, candidate = await _both(component, params)
    assert (legacy.status, meaning(legacy)) == (legacy_status, refused)
    assert (candidate.status, candidate.media_type) == (refused.status, "application/problem+json")
    assert (candidate.body["code"], candidate.body["parameters"]) == (refused.code, parameters)
    assert differences(legacy, candidate) == []


async def test_legacy_has_as_many_shapes_as_operations_where_candidate_has_one(component: Component) -> None:
    answers = [await _both(component, params) for params, *_ in REFUSED]
    assert len({frozenset(legacy.body) for legacy, _ in answers}) == 5
    assert len({frozenset(candidate.body) for _, candidate in answers}) == 1


async def test_another_meaning_is_a_difference(component: Component) -> None:
    for params, _, refused, _ in REFUSED:
        legacy = await component.legacy(params)
        for other_params, _, other, _ in REFUSED:
            found = differences(legacy, await component.candidate(other_params))
            assert bool(found) is (refused is not other), (params, other_params)


async def test_every_fact_counts(component: Component) -> None:
    for params, facts in FACTS:
        legacy, candidate = await _both(component, params)
        for name in facts:
            wrong = replace(candidate, body={**candidate.body, name: "other"})
            assert differences(legacy, wrong) == [name]


@pytest.mark.parametrize("member", ["code", "type", "status", "parameters"])
async def test_every_member_of_a_problem_counts(component: Component, member: str) -> None:
    legacy, candidate = await _both(component, REFUSED[5][0])
    wrong = replace(candidate, body={**candidate.body, member: ""})
    assert differences(legacy, wrong) == [member]
    assert differences(legacy, replace(candidate, media_type="text/html")) == ["mediaType"]


async def test_facts_where_legacy_refuses_are_a_difference(component: Component) -> None:
    refused, facts = await component.legacy({"op": "extremes", "country": "XX"}), Answer(FACTS[-1][1])
    assert differences(refused, facts) == ["status"]
    assert differences(facts, await component.candidate({"op": "extremes", "country": "XX"})) == ["status"]


async def test_the_handler_lets_a_failure_of_the_application_pass() -> None:
    def broken(_: Params) -> Mapping[str, object]:
        raise KeyError("code")

    with pytest.raises(KeyError):
        await handled(broken)({})


async def test_what_was_sent_is_not_repeated(component: Component) -> None:
    for op in ("airport", "zone"):
        for answer in await _both(component, {"op": op, "code": "<b>", "day": "<b>"}):
            assert "<b>" not in str(answer.body)
