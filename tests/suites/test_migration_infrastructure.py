"""Flags, statistics, monitoring, rollback and validation, as their users see them (`make test-infrastructure`)."""

import asyncio

import pytest
from scipy import stats

from crossfade.statistics import means
from crossfade.statistics.accumulators import Moments
from tests.suites.application import Broken
from tests.suites.house import LONG, PATIENCE, VALIDATED, House, plan

ORDER = ["disable_flag", "drain", "restore_configuration", "validate", "notify"]
USERS = [f"u-{number}" for number in range(2000)]


# -- feature flags


async def test_users_are_routed_by_their_hash_and_stay_where_they_are(house: House) -> None:
    await house.http.put("feature-flags/routed", json={"enabled": True, "rolloutPercentage": 25})
    at_25 = await candidates(house, "routed", percentage=25)
    await house.http.put("feature-flags/routed", json={"enabled": True, "rolloutPercentage": 50})
    at_50 = await candidates(house, "routed", percentage=50)

    assert 0.21 < len(at_25) / len(USERS) < 0.29
    assert 0.45 < len(at_50) / len(USERS) < 0.55
    assert at_25 < at_50


async def test_conditions_narrow_a_flag_to_an_environment_and_to_groups(house: House) -> None:
    here = {"environment": "production", "userGroups": ["beta-testers"]}
    await house.http.put("feature-flags/beta", json={"enabled": True, "rolloutPercentage": 100, "conditions": here})
    elsewhere = {"environment": "staging"}
    await house.http.put(
        "feature-flags/other", json={"enabled": True, "rolloutPercentage": 100, "conditions": elsewhere}
    )
    await until_served(house, "other", percentage=100)

    client = house.application.client
    assert client.is_enabled("beta", {"targetingKey": "ann", "userGroups": ["beta-testers"]})
    assert not client.is_enabled("beta", {"targetingKey": "ann", "userGroups": ["staff"]})
    assert not client.is_enabled("other", {"targetingKey": "ann"})


async def test_a_failing_candidate_falls_back_to_legacy_unless_that_is_switched_off(house: House) -> None:
    house.application.failing |= {"kept", "bare"}
    body = {"enabled": True, "rolloutPercentage": 100}
    await house.http.put("feature-flags/kept", json={**body, "fallbackEnabled": True})
    await house.http.put("feature-flags/bare", json={**body, "fallbackEnabled": False})
    await until_served(house, "bare", percentage=100)

    assert house.application.ask("kept", "ann") == "right"
    with pytest.raises(Broken):
        house.application.ask("bare", "ann")


# -- statistics


def test_a_t_test_finds_the_difference_that_scipy_finds() -> None:
    legacy, candidate = [20.1, 19.8, 21.0, 20.4, 20.2], [22.9, 23.4, 22.1, 23.8, 22.5]
    expected = stats.ttest_ind(candidate, legacy, equal_var=False)

    found = means.welch(Moments.of(legacy), Moments.of(candidate))

    assert found.p.tolist() == pytest.approx([expected.pvalue], rel=1e-9)
    assert found.p < 0.001


# -- monitoring and automatic rollback


async def test_errors_of_candidate_take_it_back_by_itself_with_the_figures(house: House) -> None:
    migration = await house.start(plan("harm", "  - {name: only, components: [{name: harmed}]}", steps=LONG))
    await house.until_component("harmed", lambda seen: seen["percentage"] == 50 and seen["verdict"] == "pass")
    house.application.failing.add("harmed")
    back = await house.until_component("harmed", lambda seen: seen["status"] == "rolled_back")
    (rollback,) = [one for one in (await house.get("rollbacks"))["rollbacks"] if one["component"] == "harmed"]
    found = await house.until(
        lambda: house.get(f"phases?migrationId={migration}"), lambda seen: seen["phases"][0]["status"] == "paused"
    )

    assert back["percentage"] == 0
    assert (rollback["trigger"], rollback["evidence"]["metric"]) == ("threshold", "errorRate")
    assert rollback["evidence"]["bound"] > rollback["evidence"]["limit"] == 0.01
    assert "harmed" in found["phases"][0]["reason"]
    assert house.application.answers == {"right"}  # no user has seen an error: legacy answered


# -- rollback by hand


async def test_a_rollback_by_hand_runs_its_steps_in_order_and_is_remembered(house: House) -> None:
    await house.start(plan("hand", "  - {name: only, components: [{name: handed}]}", steps=LONG))
    await house.until_component("handed", lambda seen: seen["percentage"] == 50)
    asked = await house.http.post("rollback/handed", json={"reason": "High error rate detected"})
    again = await house.http.post("rollback/handed", json={"reason": "Once more"})
    served = (await house.get("feature-flags/handed"))["servedPercentage"]
    number = asked.json()["rollback"]["id"]
    done = await house.until(
        lambda: house.get(f"rollbacks/{number}"), lambda seen: seen["rollback"]["state"] == "completed"
    )
    rollback = done["rollback"]

    assert (asked.status_code, served) == (202, 0)
    assert again.json()["rollback"]["id"] == number
    assert rollback["reason"] == "High error rate detected"
    assert [step["name"] for step in rollback["steps"]] == ORDER
    assert {step["state"] for step in rollback["steps"]} == {"completed"}


# -- validation


async def test_a_validation_before_a_step_passes_on_equal_answers(house: House) -> None:
    migration = await house.start(plan("equal", "  - {name: only, components: [{name: equal}]}", steps=VALIDATED))
    done = await house.until(lambda: house.get(f"migrations/{migration}"), lambda seen: seen["status"] == "completed")
    checks = [one for one in (await house.get("validations"))["validations"] if one["component"] == "equal"]

    assert done["components"][0]["status"] == "completed"
    assert {(check["verdict"], check["mismatched"]) for check in checks} == {("pass", 0)}
    assert all(check["compared"] >= 100 for check in checks)


async def test_different_answers_roll_back_before_anybody_is_served_by_candidate(house: House) -> None:
    house.application.differing.add("unequal")
    await house.start(plan("unequal", "  - {name: only, components: [{name: unequal}]}", steps=VALIDATED))
    back = await house.until_component("unequal", lambda seen: seen["status"] == "rolled_back")
    (rollback,) = [one for one in (await house.get("rollbacks"))["rollbacks"] if one["component"] == "unequal"]

    assert rollback["trigger"] == "validation"
    assert back["candidate"] is None or back["candidate"]["requests"] == 0
    assert "wrong" not in house.application.answers


async def test_a_validation_by_hand_answers_with_what_it_has_compared(house: House) -> None:
    await house.start(plan("asked", "  - {name: only, components: [{name: asked}]}", steps=LONG))
    await house.until_component("asked", lambda seen: seen["percentage"] == 50)
    answer = await house.http.post(
        "validation/asked", json={"phase": 1, "sampleSize": 300}, headers={"Prefer": "wait=20"}
    )

    assert (answer.status_code, answer.json()["verdict"]) == (200, "pass"), answer.text
    assert answer.json()["compared"] >= 300


async def candidates(house: House, flag: str, *, percentage: int) -> set[str]:
    """The users whom candidate serves, once the client has heard of the percentage."""
    await until_served(house, flag, percentage=percentage)
    return {user for user in USERS if house.application.client.is_enabled(flag, {"targetingKey": user})}


async def until_served(house: House, flag: str, *, percentage: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while not any(one.name == flag and one.percentage == percentage for one in house.application.client.flags()):
            await asyncio.to_thread(house.application.client.status)
