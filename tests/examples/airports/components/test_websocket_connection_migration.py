import json
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import cast

import pytest

from examples.airports.answers import Answer, Malformed
from examples.airports.component import Component
from examples.airports.components.changes import RECENT, Stream
from examples.airports.components.websocket_connection_migration import (
    MOST_SESSIONS,
    Listed,
    alter,
    applied,
    build,
    read,
)
from examples.airports.directory import Directory
from tests.examples.airports.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def component(directory: Directory, clock: Clock) -> Component:
    return build(Stream(directory, clock))


def _message(kind: str, region: str = "E", **more: object) -> Mapping[str, str]:
    return {"message": json.dumps({"kind": kind, "region": region, **more})}


def _resumed(answer: Answer, kind: str = "resume") -> Mapping[str, str]:
    body = answer.body
    return _message(kind, str(body["region"]), session=body.get("session", ""), after=body["until"])


def _boards(answer: Answer, before: Mapping[str, Listed] | None = None) -> Mapping[str, Listed]:
    return applied(answer.body, before or {})


async def test_legacy_begins_at_zero_whenever_a_connection_was_lost(component: Component, clock: Clock) -> None:
    first = await component.legacy(_message("subscribe", ""))
    clock.changes(20)
    resumed = await component.legacy(_resumed(first))
    assert first.body["after"] == resumed.body["after"] == 0
    assert len(cast("list[object]", resumed.body["changes"])) > len(cast("list[object]", first.body["changes"]))


async def test_candidate_goes_on_where_the_connection_was_lost(component: Component, clock: Clock) -> None:
    first = await component.candidate(_message("subscribe", ""))
    clock.changes(20)
    resumed = await component.candidate(_resumed(first))
    assert "snapshot" in first.body
    assert (resumed.body["session"], resumed.body["after"]) == (first.body["session"], first.body["until"])
    assert len(cast("list[object]", resumed.body["changes"])) == 20


async def test_without_a_lost_connection_both_send_what_is_new(component: Component, clock: Clock) -> None:
    firsts = await component.legacy(_message("subscribe", "")), await component.candidate(_message("subscribe", ""))
    clock.changes(10)
    for side, first in zip((component.legacy, component.candidate), firsts, strict=True):
        assert len(cast("list[object]", (await side(_resumed(first, "more"))).body["changes"])) == 10


async def test_who_was_away_too_long_gets_a_snapshot_and_a_new_session(component: Component, clock: Clock) -> None:
    first = await component.candidate(_message("subscribe"))
    clock.changes(RECENT)
    just = await component.candidate(_resumed(first))
    assert "changes" in just.body
    clock.changes(1)
    late = await component.candidate(_resumed(first))
    assert "snapshot" in late.body
    assert late.body["session"] != first.body["session"]


@pytest.mark.parametrize("change", [{"session": "nobody"}, {"region": "K"}, {"after": 10**6}])
async def test_what_does_not_fit_a_session_starts_a_new_one(component: Component, change: Mapping[str, object]) -> None:
    first = await component.candidate(_message("subscribe"))
    asked = {**json.loads(_resumed(first)["message"]), **change}
    answer = await component.candidate({"message": json.dumps(asked)})
    assert "snapshot" in answer.body
    assert answer.body["region"] == asked["region"]
    assert answer.body["session"] not in {first.body["session"], "nobody"}


async def test_the_sessions_that_were_away_longest_are_forgotten(component: Component) -> None:
    first = await component.candidate(_message("subscribe"))
    second = await component.candidate(_message("subscribe"))
    for _ in range(MOST_SESSIONS - 2):
        await component.candidate(_message("subscribe", "XX"))
    assert "changes" in (await component.candidate(_resumed(first))).body
    await component.candidate(_message("subscribe", "XX"))
    assert "changes" in (await component.candidate(_resumed(first))).body
    assert "snapshot" in (await component.candidate(_resumed(second))).body


@pytest.mark.parametrize("seed", range(5))
async def test_both_ways_lead_to_the_same_boards(component: Component, clock: Clock, seed: int) -> None:
    """Subscribers that ask for more and lose their connections at random, for times short and long."""
    random = Random(seed)
    ours = await component.legacy(_message("subscribe", "K"))
    theirs = await component.candidate(_message("subscribe", "K"))
    legacy_boards, candidate_boards = _boards(ours), _boards(theirs)
    for _ in range(60):
        kind = random.choice(("more", "resume"))
        clock.changes(random.choice((0, 1, 5, 50, RECENT - 1, RECENT, 3 * RECENT)))
        ours, theirs = await component.legacy(_resumed(ours, kind)), await component.candidate(_resumed(theirs, kind))
        legacy_boards = _boards(ours, legacy_boards if ours.body["after"] else {})
        candidate_boards = _boards(theirs, candidate_boards)
        assert legacy_boards == candidate_boards
        assert component.differences(ours, theirs) == []


async def _both(component: Component, clock: Clock) -> tuple[Answer, Answer]:
    """The answers to a resumption after ten changes."""
    first = await component.candidate(_message("subscribe", ""))
    clock.changes(10)
    return await component.legacy(_resumed(first)), await component.candidate(_resumed(first))


async def test_a_missed_change_is_a_difference(component: Component, clock: Clock) -> None:
    legacy, candidate = await _both(component, clock)
    changes = cast("list[Listed]", candidate.body["changes"])
    wrong = replace(candidate, body={**candidate.body, "changes": changes[:-1]})
    assert component.differences(legacy, wrong) == [f"state.{changes[-1]['airport']}"]


@pytest.mark.parametrize("field", ["number", "airport", "delay_minutes", "gate"])
async def test_every_field_of_a_board_counts(component: Component, clock: Clock, field: str) -> None:
    legacy, candidate = await _both(component, clock)
    *before, last = cast("list[Listed]", candidate.body["changes"])
    wrong = replace(candidate, body={**candidate.body, "changes": [*before, {**last, field: "X"}]})
    assert component.differences(legacy, wrong)


async def test_a_snapshot_counts_board_by_board(component: Component) -> None:
    legacy, candidate = await component.legacy(_message("subscribe")), await component.candidate(_message("subscribe"))
    snapshot = cast("dict[str, Listed]", candidate.body["snapshot"])
    wrong = replace(candidate, body={**candidate.body, "snapshot": {**snapshot, "EDDF": snapshot["EGAA"]}})
    missing = {airport: change for airport, change in snapshot.items() if airport != "EDDF"}
    assert component.differences(legacy, wrong) == ["state.EDDF"]
    assert component.differences(legacy, replace(candidate, body={**candidate.body, "snapshot": missing}))
    assert component.differences(legacy, alter(candidate))


async def test_an_answer_may_be_further_on_by_the_changes_in_between(component: Component, clock: Clock) -> None:
    legacy = await component.legacy(_message("subscribe", ""))
    clock.changes(30)
    candidate = await component.candidate(_message("subscribe", ""))
    assert candidate.body["until"] != legacy.body["until"]
    assert component.differences(legacy, candidate) == []
    stale = replace(candidate, body={**candidate.body, "until": legacy.body["until"]})
    assert component.differences(legacy, stale)


async def test_answers_that_are_far_apart_prove_nothing(component: Component, clock: Clock) -> None:
    legacy = await component.legacy(_message("subscribe", ""))
    clock.changes(60)
    assert component.differences(legacy, await component.candidate(_message("subscribe", ""))) == ["until"]


async def test_another_region_is_a_difference(component: Component) -> None:
    legacy, candidate = (
        await component.legacy(_message("subscribe", "E")),
        await component.candidate(_message("subscribe", "K")),
    )
    assert component.differences(legacy, candidate) == ["region"]


async def test_an_answer_without_news_can_be_altered(component: Component) -> None:
    first = await component.candidate(_message("subscribe", "XX"))
    resumed = await component.candidate(_resumed(first))
    assert resumed.body["changes"] == []
    assert component.differences(await component.legacy(_message("subscribe", "XX")), alter(resumed)) == ["until"]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"kind": "unsubscribe"}',
        '{"kind": 7}',
        '{"kind": "more", "region": "de"}',
        '{"kind": "more", "region": "EDD"}',
        '{"kind": "more", "region": null}',
        '{"kind": "more", "after": -1}',
        '{"kind": "more", "after": true}',
        '{"kind": "more", "after": 1.5}',
        '{"kind": "more", "after": 1e999}',
        '{"kind": "more", "after": "7"}',
        '{"kind": "more", "session": "a b"}',
        '{"kind": "more", "session": "' + "x" * 33 + '"}',
        "[" * 5000,
    ],
)
def test_messages_that_make_no_sense_are_refused(message: str) -> None:
    with pytest.raises(Malformed):
        read({"message": message})


async def test_what_sessions_keep_is_a_share_of_the_budget(component: Component) -> None:
    before = component.memory["candidate"].usage()
    for _ in range(2 * MOST_SESSIONS):
        await component.candidate(_message("subscribe", "XX"))
    assert before < component.memory["candidate"].usage() < 0.5
    assert 0 < component.memory["legacy"].usage() < 0.5
