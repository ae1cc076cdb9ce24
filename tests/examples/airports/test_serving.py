from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crossfade.sdk import Client
from examples.airports.answers import Answer, Malformed, Params
from examples.airports.component import Component
from examples.airports.faults import Faults
from examples.airports.serving import Served, Serving
from tests.examples.airports.flags_file import started_client


async def _old(_: Params) -> Answer:
    return Answer({"side": "legacy"})


async def _new(_: Params) -> Answer:
    return Answer({"side": "candidate"})


async def _raising(_: Params) -> Answer:
    raise LookupError


async def _refusing(_: Params) -> Answer:
    raise Malformed("empty-query", "q", "q is what to look for")


COMPONENT = Component(
    name="switched", legacy=_old, candidate=_new, differences=lambda *_: [], alter=lambda answer: answer, probes=()
)


@pytest.fixture(params=[0, 100])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Client]:
    client = started_client(tmp_path, {"switched": request.param})
    yield client
    client.close()


@pytest.fixture
def on_candidate(tmp_path: Path) -> Iterator[Client]:
    client = started_client(tmp_path, {"switched": 100})
    yield client
    client.close()


async def _served(client: Client, component: Component) -> Served:
    return await Serving(client, [component], Faults([component])).serve(component.name, {}, {})


async def test_the_flag_chooses_the_side_and_the_answer_names_it(client: Client) -> None:
    served = await _served(client, COMPONENT)
    assert served.variant == client.evaluate("switched", {}).variant
    assert served == Served(Answer({"side": served.variant}), served.variant, failed=False, revision=7)


async def test_a_candidate_that_raises_is_candidates_error_and_legacys_answer(on_candidate: Client) -> None:
    served = await _served(on_candidate, replace(COMPONENT, candidate=_raising))
    assert served == Served(Answer({"side": "legacy"}), "candidate", failed=True, revision=7)


async def test_a_legacy_that_raises_in_the_shadow_is_no_error(on_candidate: Client) -> None:
    served = await _served(on_candidate, replace(COMPONENT, legacy=_raising))
    assert served == Served(Answer({"side": "candidate"}), "candidate", failed=False, revision=7)


async def test_when_both_raise_the_answer_is_an_internal_error(on_candidate: Client) -> None:
    served = await _served(on_candidate, replace(COMPONENT, candidate=_raising, legacy=_raising))
    assert (served.answer.status, served.variant, served.failed) == (500, "candidate", True)


async def test_a_refusal_is_an_answer(client: Client) -> None:
    served = await _served(client, replace(COMPONENT, candidate=_refusing, legacy=_refusing))
    assert (served.answer.status, served.failed) == (400, False)
    assert served.answer.body["code"] == "empty-query"


async def test_without_a_flag_legacy_answers_under_no_revision(client: Client) -> None:
    served = await _served(client, replace(COMPONENT, name="unknown"))
    assert served == Served(Answer({"side": "legacy"}), "legacy", failed=False, revision=0)
