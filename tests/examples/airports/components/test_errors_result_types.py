from collections.abc import Mapping
from dataclasses import replace

import pytest
from returns.pipeline import is_successful

from examples.airports.answers import Answer
from examples.airports.component import Component
from examples.airports.components.errors_result_types import Kind, Refused, alter, arrival, build, differences, refusal
from examples.airports.directory import Directory

RIGHT = {"from": "FRA", "to": "JFK", "departs": "2026-07-01T14:30"}
WRONG: list[tuple[dict[str, str], Kind, str]] = [
    ({"from": ""}, Kind.MISSING, "from"),
    ({"to": "  "}, Kind.MISSING, "to"),
    ({"departs": ""}, Kind.MISSING, "departs"),
    ({"from": "F!"}, Kind.MALFORMED_CODE, "from"),
    ({"to": "\uff26\uff32\uff21"}, Kind.MALFORMED_CODE, "to"),
    ({"to": "qqq9"}, Kind.UNKNOWN, "to"),
    ({"to": "eddf"}, Kind.SAME, "to"),
    ({"from": "LEMD", "to": "NZWN"}, Kind.TOO_FAR, "to"),
    ({"departs": "tomorrow"}, Kind.MALFORMED_TIME, "departs"),
    ({"departs": "2026-02-30T10:00"}, Kind.MALFORMED_TIME, "departs"),
    ({"departs": "2026-07-01T14:30Z"}, Kind.MALFORMED_TIME, "departs"),
    ({"departs": "2026-07-01T14:3٣"}, Kind.MALFORMED_TIME, "departs"),
    ({"departs": "1999-12-31T23:59"}, Kind.OUT_OF_CALENDAR, "departs"),
    ({"departs": "9999-12-31T23:59"}, Kind.OUT_OF_CALENDAR, "departs"),
    ({"departs": "2026-03-29T02:30"}, Kind.NO_SUCH_TIME, "departs"),
]


@pytest.fixture
def component(directory: Directory) -> Component:
    return build(directory)


async def _both(component: Component, params: Mapping[str, str]) -> tuple[Answer, Answer]:
    return await component.legacy(params), await component.candidate(params)


async def test_both_tell_when_the_flight_arrives(component: Component) -> None:
    legacy, candidate = await _both(component, RIGHT)
    assert legacy == candidate
    assert candidate.body == {
        "from": "EDDF",
        "to": "KJFK",
        "kilometres": pytest.approx(6186, abs=20),
        "minutes": pytest.approx(467, abs=3),
        "departs": "2026-07-01T14:30+02:00",
        "arrives": "2026-07-01T16:17-04:00",
    }


@pytest.mark.parametrize(
    ("departs", "arrives"),
    [
        ("2026-03-28T23:30", "2026-03-29T13:17+02:00"),
        ("2026-10-24T23:30", "2026-10-25T12:17+01:00"),
    ],
)
async def test_a_night_in_which_the_clocks_change_is_as_long_as_it_is(
    component: Component, departs: str, arrives: str
) -> None:
    legacy, candidate = await _both(component, {"from": "JFK", "to": "FRA", "departs": departs})
    assert legacy.body["arrives"] == candidate.body["arrives"] == arrives


async def test_a_time_that_the_clock_shows_twice_is_the_first(component: Component) -> None:
    for answer in await _both(component, {**RIGHT, "departs": "2026-10-25T02:30"}):
        assert answer.body["departs"] == "2026-10-25T02:30+02:00"


@pytest.mark.parametrize(("change", "kind", "parameter"), WRONG)
async def test_each_failure_has_its_problem_on_both_sides(
    component: Component, change: Mapping[str, str], kind: Kind, parameter: str
) -> None:
    legacy, candidate = await _both(component, {**RIGHT, **change})
    assert legacy == candidate == refusal(kind, parameter)
    assert candidate.body["code"] == kind


async def test_the_first_of_two_failures_is_told(component: Component) -> None:
    legacy, candidate = await _both(component, {"from": "QQQQ", "to": "?", "departs": "never"})
    assert legacy == candidate == refusal(Kind.UNKNOWN, "from")


async def test_a_time_zone_that_nobody_knows_is_a_failure_like_others(directory: Directory) -> None:
    frankfurt, kennedy = directory.find("EDDF"), directory.find("KJFK")
    assert frankfurt is not None
    assert kennedy is not None
    for zone in ("Mars/Olympus", "../etc/passwd", ""):
        lost = Directory([frankfurt, replace(kennedy, time_zone=zone)])
        legacy, candidate = await _both(build(lost), RIGHT)
        assert legacy == candidate == refusal(Kind.NO_ZONE, "to")


def test_a_failure_is_a_value(directory: Directory) -> None:
    assert is_successful(arrival(RIGHT, directory))
    assert arrival({**RIGHT, "to": "FRA"}, directory).failure() == Refused(Kind.SAME, "to")


async def test_every_kind_of_failure_is_tried() -> None:
    assert {kind for _, kind, _ in WRONG} | {Kind.NO_ZONE} == set(Kind)


@pytest.mark.parametrize("member", ["from", "to", "kilometres", "minutes", "departs", "arrives"])
async def test_every_field_of_the_schedule_counts(component: Component, member: str) -> None:
    legacy, candidate = await _both(component, RIGHT)
    assert differences(legacy, Answer({**candidate.body, member: "other"})) == [member]


@pytest.mark.parametrize("member", ["code", "detail", "parameter", "title", "type"])
def test_every_member_of_a_problem_counts(member: str) -> None:
    right = refusal(Kind.TOO_FAR, "to")
    assert differences(right, replace(right, body={**right.body, member: "other"})) == [member]


def test_the_media_type_counts() -> None:
    right = refusal(Kind.SAME, "to")
    assert differences(right, replace(right, media_type="application/json")) == ["mediaType"]


@pytest.mark.parametrize("kind", Kind)
def test_an_altered_problem_is_a_difference(kind: Kind) -> None:
    right = refusal(kind, "to")
    assert differences(right, alter(right)) == ["parameter"]
