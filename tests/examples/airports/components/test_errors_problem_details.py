from collections.abc import Mapping

import pytest

from examples.airports.answers import Answer
from examples.airports.component import Component
from examples.airports.components.errors_problem_details import (
    Failure,
    Kind,
    build,
    candidate_refusal,
    differences,
    legacy_refusal,
)
from examples.airports.directory import Directory

FAILURES = [
    Failure(Kind.MISSING, "from"),
    Failure(Kind.MALFORMED, "to"),
    Failure(Kind.UNKNOWN, "to", "QQQ9"),
    Failure(Kind.SAME, "to", "EDDF"),
]


@pytest.fixture
def component(directory: Directory) -> Component:
    return build(directory)


async def test_both_give_the_same_distance(component: Component) -> None:
    params = {"from": "fra", "to": "KJFK"}
    legacy, candidate = await component.legacy(params), await component.candidate(params)
    assert legacy == candidate
    assert legacy.body == {"from": "EDDF", "to": "KJFK", "kilometres": pytest.approx(6186, abs=20)}


@pytest.mark.parametrize(
    ("params", "status", "code", "parameter"),
    [
        ({"to": "EDDF"}, 400, "missing-parameter", "from"),
        ({"from": "EDDF", "to": " "}, 400, "missing-parameter", "to"),
        ({"from": "F!", "to": "EDDF"}, 400, "malformed-code", "from"),
        ({"from": "EDDF", "to": "' OR 1=1"}, 400, "malformed-code", "to"),
        ({"from": "EDDF", "to": "\uff26\uff32\uff21"}, 400, "malformed-code", "to"),
        ({"from": "EDDF", "to": "qqq9"}, 404, "unknown-airport", "to"),
        ({"from": "EDDF", "to": "FRA"}, 422, "same-airport", "to"),
    ],
)
async def test_an_error_is_told_as_problem_details(
    component: Component, params: Mapping[str, str], status: int, code: str, parameter: str
) -> None:
    answer = await component.candidate(params)
    assert answer.media_type == "application/problem+json"
    assert (answer.status, answer.body["status"]) == (status, status)
    assert (answer.body["code"], answer.body["parameter"]) == (code, parameter)
    assert answer.body["type"] == f"urn:airports:problem:{code}"


async def test_legacy_gives_each_kind_of_error_another_shape() -> None:
    shapes = {frozenset(legacy_refusal(failure).body) for failure in FAILURES}
    assert len(shapes) >= 3


async def test_what_is_not_a_code_is_not_repeated(component: Component) -> None:
    answer = await component.candidate({"from": "<b>EDDF</b>", "to": "EDDF"})
    assert "<b>" not in str(answer.body)


@pytest.mark.parametrize("failure", FAILURES)
def test_the_formats_mean_the_same(failure: Failure) -> None:
    assert differences(legacy_refusal(failure), candidate_refusal(failure)) == []


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("other", FAILURES)
def test_another_meaning_is_a_difference(failure: Failure, other: Failure) -> None:
    assert bool(differences(legacy_refusal(failure), candidate_refusal(other))) is (failure != other)


@pytest.mark.parametrize("member", ["status", "code", "parameter", "value", "type"])
def test_every_member_of_a_problem_counts(member: str) -> None:
    failure = FAILURES[2]
    right = candidate_refusal(failure)
    wrong = Answer({**right.body, member: "other"}, status=right.status, media_type=right.media_type)
    assert differences(legacy_refusal(failure), wrong)


def test_the_media_type_counts() -> None:
    plain = Answer(candidate_refusal(FAILURES[0]).body, status=400)
    assert differences(legacy_refusal(FAILURES[0]), plain) == ["mediaType"]
