"""Percentages and rollbacks of components that a run is ramping, without Temporal and without a worker."""

import asyncio

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from crossfade.states import RunState
from store import outbox, runs
from tests.builders import served_run

FLAG = "/api/migration/feature-flags/search"
ROLLBACK = "/api/migration/rollback/search"
USERS_REASON = {"reason": "High error rate detected"}
TWO_SECONDS_AND_A_MARGIN = 6.0


@pytest.fixture
async def live(engine: AsyncEngine, environment: str) -> None:
    """The component `search`, live at 50 %."""
    async with engine.begin() as connection:
        await served_run(connection, "search", percentage=50, environment=environment)


async def state_of(engine: AsyncEngine, environment: str) -> RunState:
    async with engine.begin() as connection:
        run = await runs.latest(connection, environment=environment, component="search")
    assert run is not None
    return run.state


@pytest.mark.usefixtures("live")
async def test_lowering_a_live_run_needs_no_temporal_and_holds_it(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    answer = await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 20})

    assert answer.status_code == 200
    assert (answer.json()["servedPercentage"], answer.json()["isLive"]) == (20, True)
    assert await state_of(engine, environment) is RunState.HELD


@pytest.mark.usefixtures("live")
async def test_disabling_a_live_run_holds_it_at_zero(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    answer = await admin.put(FLAG, json={"enabled": False, "rolloutPercentage": 50})

    assert answer.status_code == 200
    assert (answer.json()["enabled"], answer.json()["servedPercentage"]) == (False, 0)
    assert await state_of(engine, environment) is RunState.HELD


@pytest.mark.usefixtures("live")
async def test_raising_a_live_run_is_503_while_temporal_is_away_and_changes_nothing(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    async with asyncio.timeout(TWO_SECONDS_AND_A_MARGIN):
        answer = await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 80})

    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:crossfade:problem:temporal-unavailable"
    assert (await admin.get(FLAG)).json()["servedPercentage"] == 50
    assert await state_of(engine, environment) is RunState.RAMPING


@pytest.mark.usefixtures("live")
async def test_the_conditions_of_a_live_run_stay_as_the_plan_says(admin: httpx.AsyncClient) -> None:
    body = {"enabled": True, "rolloutPercentage": 20, "conditions": {"userGroups": ["staff"]}}

    answer = await admin.put(FLAG, json=body)

    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:crossfade:problem:rollout-is-live"


@pytest.mark.usefixtures("live")
async def test_the_whole_flag_may_be_sent_back_with_a_lower_percentage(admin: httpx.AsyncClient) -> None:
    flag = (await admin.get(FLAG)).json()
    same = {name: flag[name] for name in ("name", "enabled", "conditions", "fallbackEnabled", "overrides")}

    answer = await admin.put(FLAG, json={**same, "rolloutPercentage": 20})

    assert answer.status_code == 200


@pytest.mark.usefixtures("live")
async def test_an_old_etag_does_not_lower_a_live_run(admin: httpx.AsyncClient) -> None:
    body = {"enabled": True, "rolloutPercentage": 20}

    refused = await admin.put(FLAG, json=body, headers={"If-Match": '"1"'})
    taken = await admin.put(FLAG, json=body, headers={"If-Match": (await admin.get(FLAG)).headers["etag"]})

    assert (refused.status_code, taken.status_code) == (412, 200)


@pytest.mark.usefixtures("live")
async def test_the_users_rollback_is_legacy_for_everybody_at_once_without_temporal(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    answer = await admin.post(ROLLBACK, json=USERS_REASON)

    assert answer.status_code == 202
    rollback = answer.json()["rollback"]
    assert {name: rollback[name] for name in ("component", "trigger", "state", "reason", "fromPercentage")} == {
        "component": "search",
        "trigger": "manual",
        "state": "running",
        "reason": "High error rate detected",
        "fromPercentage": 50,
    }
    assert (await admin.get(FLAG)).json()["servedPercentage"] == 0
    assert await state_of(engine, environment) is RunState.ROLLING_BACK
    async with engine.begin() as connection:
        assert await outbox.waiting(connection, environment=environment) == 2


@pytest.mark.usefixtures("live")
async def test_everybody_who_asks_for_a_rollback_gets_the_same_one(admin: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(admin.post(ROLLBACK, json=USERS_REASON) for _ in range(5)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["rollback"]["id"] for answer in answers}) == 1
    assert sum(answer.json()["rollback"]["created"] for answer in answers) == 1


@pytest.mark.usefixtures("live")
async def test_a_rollback_is_listed_and_read_with_its_steps(admin: httpx.AsyncClient) -> None:
    made = (await admin.post(ROLLBACK, json=USERS_REASON)).json()["rollback"]

    listed = (await admin.get("/api/migration/rollbacks")).json()["rollbacks"]
    read = (await admin.get(f"/api/migration/rollbacks/{made['id']}")).json()["rollback"]

    assert [rollback["id"] for rollback in listed] == [made["id"]]
    assert read == listed[0]
    assert [step["name"] for step in read["steps"]] == [step["name"] for step in made["steps"]]
    assert {step["state"] for step in read["steps"]} == {"pending"}


@pytest.mark.usefixtures("live")
async def test_a_rehearsed_rollback_lists_the_steps_and_changes_nothing(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(ROLLBACK, params={"dryRun": "true"}, json=USERS_REASON)

    assert answer.status_code == 200
    assert answer.json() == {
        "dryRun": True,
        "component": "search",
        "fromPercentage": 50,
        "steps": ["disable_flag", "restore_configuration", "validate", "notify"],
    }
    assert (await admin.get(FLAG)).json()["servedPercentage"] == 50


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("query", ["dryrun=true", "dry_run=true", "dryRun=true&dryRun=false", "environment=staging"])
async def test_a_query_that_would_not_be_read_as_it_was_meant_rolls_nothing_back(
    admin: httpx.AsyncClient, query: str
) -> None:
    answer = await admin.post(f"{ROLLBACK}?{query}", json=USERS_REASON)

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:crossfade:problem:invalid-request")
    assert (await admin.get(FLAG)).json()["servedPercentage"] == 50


async def test_a_flag_set_by_hand_rolls_back_too(admin: httpx.AsyncClient) -> None:
    await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 30})

    answer = await admin.post(ROLLBACK)

    assert answer.status_code == 202
    assert answer.json()["rollback"]["runId"] is None
    assert (await admin.get(FLAG)).json()["servedPercentage"] == 0


async def test_a_component_on_legacy_has_nothing_to_roll_back(admin: httpx.AsyncClient) -> None:
    await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 0})

    answer = await admin.post(ROLLBACK, json=USERS_REASON)

    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:crossfade:problem:nothing-to-roll-back"


async def test_the_rollback_of_nothing_known_is_404(admin: httpx.AsyncClient) -> None:
    answers = [await admin.post(ROLLBACK, params=query, json=USERS_REASON) for query in ({}, {"dryRun": "true"})]

    assert [answer.status_code for answer in answers] == [404, 404]


@pytest.mark.usefixtures("live")
async def test_a_rolled_back_run_cannot_be_raised_or_lowered(admin: httpx.AsyncClient) -> None:
    await admin.post(ROLLBACK, json=USERS_REASON)

    statuses = [
        (await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": share})).status_code for share in (0, 80)
    ]

    assert statuses == [409, 409]
