"""Making a flag, reading what became of it, and ending it."""

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from api.services import Services
from tests.builders import served_run
from tests.store.replay import assert_audited

FLAGS = "/api/migration/feature-flags"
FLAG = f"{FLAGS}/search"
WHY = {"reason": "its code is gone"}


async def test_a_flag_is_made_once(admin: httpx.AsyncClient) -> None:
    body = {"name": "search", "enabled": True, "rolloutPercentage": 5, "salt": "phase-2", "targetingKey": "accountId"}

    made = await admin.post(FLAGS, json=body)
    again = await admin.post(FLAGS, json=body)

    assert (made.status_code, again.status_code) == (201, 409)
    assert again.json()["type"] == "urn:crossfade:problem:flag-exists"
    assert made.headers["etag"] == f'"{made.json()["revision"]}"'
    assert (await admin.get(FLAG)).json() == made.json()
    assert (made.json()["salt"], made.json()["targetingKey"]) == ("phase-2", "accountId")


async def test_a_flag_is_made_and_archived_once_by_one_key(admin: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "4711"}
    body = {"name": "search", "enabled": True, "rolloutPercentage": 5}

    made = [await admin.post(FLAGS, json=body, headers=key) for _ in range(2)]
    other = await admin.post(FLAGS, json={**body, "rolloutPercentage": 6}, headers=key)
    archived = [await admin.post(f"{FLAG}/archive", json=WHY, headers=key) for _ in range(2)]

    assert [answer.status_code for answer in made + archived] == [201, 201, 200, 200]
    assert (made[0].json(), made[0].headers["etag"]) == (made[1].json(), made[1].headers["etag"])
    assert (other.status_code, other.json()["type"]) == (422, "urn:crossfade:problem:key-reused")
    assert archived[0].json() == archived[1].json()


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a" * 129, None, 5])
async def test_a_name_that_no_flag_can_have_makes_none(admin: httpx.AsyncClient, name: object) -> None:
    answer = await admin.post(FLAGS, json={"name": name, "enabled": True})

    assert answer.status_code == 422
    assert (await admin.get(FLAGS)).json()["flags"] == []


async def test_the_salt_is_fixed_above_zero(admin: httpx.AsyncClient) -> None:
    await admin.post(FLAGS, json={"name": "search", "enabled": True, "rolloutPercentage": 5})

    changed = await admin.put(FLAG, json={"enabled": True, "salt": "other"})

    assert (changed.status_code, changed.json()["type"]) == (422, "urn:crossfade:problem:invalid-flag")


async def test_the_history_says_who_why_and_from_what_to_what(admin: httpx.AsyncClient) -> None:
    await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 5, "reason": "a first look"})
    await admin.put(FLAG, json={"enabled": False, "reason": "not yet"})
    await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 20, "fallbackEnabled": False, "reason": "now"})

    newest, middle, oldest = (await admin.get(f"{FLAG}/history")).json()["changes"]

    assert [change["reason"] for change in (oldest, middle, newest)] == ["a first look", "not yet", "now"]
    assert {change["actor"] for change in (oldest, middle, newest)} == {"admin"}
    assert oldest["before"] == {}
    assert (oldest["after"]["percentage"], oldest["after"]["enabled"]) == (5, True)
    assert (middle["before"], middle["after"]) == ({"enabled": True}, {"enabled": False})
    assert newest["before"] == {"enabled": False, "percentage": 5, "ceiling": 5, "fallbackEnabled": True}
    assert newest["after"] == {"enabled": True, "percentage": 20, "ceiling": 20, "fallbackEnabled": False}
    assert newest["revision"] > middle["revision"] > oldest["revision"]


async def test_the_history_is_read_in_pages(admin: httpx.AsyncClient) -> None:
    for percentage in (1, 2, 3):
        await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": percentage})

    first = (await admin.get(f"{FLAG}/history", params={"limit": 2})).json()["changes"]
    rest = (await admin.get(f"{FLAG}/history", params={"before": first[-1]["sequence"]})).json()["changes"]

    assert [change["after"]["percentage"] for change in (*first, *rest)] == [3, 2, 1]


async def test_an_archived_flag_is_gone_its_history_stays_and_its_name_is_free(
    app: FastAPI, admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    made = await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 100})

    archived = await admin.post(f"{FLAG}/archive", json=WHY)
    gone = await admin.get(FLAG)
    (end, _) = (await admin.get(f"{FLAG}/history")).json()["changes"]
    again = await admin.post(f"{FLAG}/archive", json=WHY)
    anew = await admin.post(FLAGS, json={"name": "search", "enabled": False})

    assert (archived.status_code, gone.status_code, again.status_code, anew.status_code) == (200, 404, 404, 201)
    assert archived.json()["archived"]["percentage"] == 100
    assert (end["action"], end["reason"], end["after"]) == ("flag.archive", "its code is gone", {})
    assert anew.json()["revision"] > made.json()["revision"] + 1
    services: Services = app.state.services
    await services.replica.refresh()
    assert [flag.enabled for flag in services.replica.snapshot.flags] == [False]
    async with engine.begin() as connection:
        await assert_audited(connection, environment)


async def test_a_flag_that_a_run_moves_is_not_archived(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    async with engine.begin() as connection:
        await served_run(connection, "search", percentage=50, environment=environment)

    refused = await admin.post(f"{FLAG}/archive", json=WHY)

    assert (refused.status_code, refused.json()["type"]) == (409, "urn:crossfade:problem:component-is-live")
    assert (await admin.get(FLAG)).json()["servedPercentage"] == 50


async def test_archiving_needs_a_reason_and_the_revision_that_was_read(admin: httpx.AsyncClient) -> None:
    made = await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 5})
    await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 6})

    mute = await admin.post(f"{FLAG}/archive", json={})
    stale = await admin.post(f"{FLAG}/archive", json=WHY, headers={"If-Match": made.headers["etag"]})

    assert (mute.status_code, stale.status_code) == (422, 412)
    assert (await admin.get(FLAG)).status_code == 200


async def test_a_flag_of_another_environment_has_no_history(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    async with engine.begin() as connection:
        await served_run(connection, "search", percentage=50, environment=f"{environment}-other")

    answers = [await admin.get(f"{FLAG}/history"), await admin.post(f"{FLAG}/archive", json=WHY)]

    assert [(answer.status_code, answer.json()["type"]) for answer in answers] == [
        (404, "urn:crossfade:problem:unknown-flag")
    ] * 2


async def test_the_flags_are_exported_to_flagd(admin: httpx.AsyncClient, environment: str) -> None:
    made = await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 25})

    document = (await admin.get("/api/migration/exports/flagd")).json()

    assert document["metadata"]["environment"] == environment
    assert document["metadata"]["revision"] == made.json()["revision"]
    assert document["flags"]["search"]["targeting"]["if"][1]["fractional"] == [
        {"cat": ["search:", {"var": "targetingKey"}]},
        ["candidate", 25_000],
        ["legacy", 75_000],
    ]
