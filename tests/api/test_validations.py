import asyncio

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from crossfade.states import Verdict
from store import outbox, validations
from tests.builders import served_run, started_migration

VALIDATE = "/api/migration/validation/search"
USERS_BODY = {"phase": 1, "sampleSize": 1000}


@pytest.fixture
async def live(engine: AsyncEngine, environment: str) -> None:
    """The component `search` of the first phase, live at 50 %; the second phase has `errors`."""
    async with engine.begin() as connection:
        migration = await started_migration(connection, ("search",), ("errors",), environment=environment)
        await served_run(connection, "search", percentage=50, environment=environment, migration_id=migration.id)


async def close(engine: AsyncEngine, environment: str) -> None:
    """Close the newest validation, as the worker does."""
    result = validations.Result(verdict=Verdict.PASS, compared=1000, mismatched=1, upper=0.005, evidence={})
    async with engine.begin() as connection:
        (checkpoint, *_) = await validations.list(connection, environment=environment)
        await validations.close(
            connection, environment=environment, checkpoint_id=checkpoint.id, result=result, actor="crossfade"
        )


@pytest.mark.usefixtures("live")
async def test_the_users_body_opens_a_validation(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    answer = await admin.post(VALIDATE, json=USERS_BODY)

    assert answer.status_code == 202
    body = answer.json()
    assert body["workflowId"] == f"validation/{environment}/{body['validationId']}"
    names = ("component", "phase", "sample", "maxMismatch", "confidence", "state", "verdict", "requestedBy")
    assert {name: body[name] for name in names} == {
        "component": "search",
        "phase": "phase-1",
        "sample": 1000,
        "maxMismatch": 0.01,
        "confidence": 0.95,
        "state": "open",
        "verdict": None,
        "requestedBy": "admin",
    }
    flag = (await admin.get("/api/migration/feature-flags/search")).json()
    assert (flag["shadowShare"], flag["revision"]) == (1, body["openedRevision"])
    async with engine.begin() as connection:
        assert await outbox.waiting(connection, environment=environment) == 2


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("phase", [2, 3, 99])
async def test_another_phase_than_the_components_is_refused(admin: httpx.AsyncClient, phase: int) -> None:
    answer = await admin.post(VALIDATE, json={**USERS_BODY, "phase": phase})

    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:crossfade:problem:other-phase"


@pytest.mark.usefixtures("live")
async def test_the_result_is_in_the_answer_when_the_caller_waits_for_it(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    asked = asyncio.create_task(admin.post(VALIDATE, json=USERS_BODY, headers={"Prefer": "respond-async, wait=10"}))
    async with asyncio.timeout(10):
        while not (await admin.get("/api/migration/validations")).json()["validations"]:
            continue
    await close(engine, environment)

    answer = await asked

    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=10"
    assert (answer.json()["verdict"], answer.json()["compared"], answer.json()["mismatched"]) == ("pass", 1000, 1)


@pytest.mark.usefixtures("live")
async def test_without_a_result_in_time_the_answer_is_202(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(VALIDATE, json=USERS_BODY, headers={"Prefer": "wait=1"})

    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "wait=1"


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("prefer", ["wait", "wait=", "wait=x", "await=5", "return=minimal", "wait=-1", ""])
async def test_a_preference_that_is_not_understood_is_ignored(admin: httpx.AsyncClient, prefer: str) -> None:
    answer = await admin.post(VALIDATE, json=USERS_BODY, headers={"Prefer": prefer})

    assert answer.status_code == 202
    assert "preference-applied" not in answer.headers


@pytest.mark.usefixtures("live")
async def test_the_same_idempotency_key_opens_one_validation(admin: httpx.AsyncClient) -> None:
    answers = [await admin.post(VALIDATE, json=USERS_BODY, headers={"Idempotency-Key": "k"}) for _ in range(2)]

    other = await admin.post(VALIDATE, json={"sampleSize": 5000}, headers={"Idempotency-Key": "k"})

    assert len({answer.json()["validationId"] for answer in answers}) == 1
    assert (other.status_code, other.json()["type"]) == (422, "urn:crossfade:problem:key-reused")
    assert len((await admin.get("/api/migration/validations")).json()["validations"]) == 1


@pytest.mark.usefixtures("live")
async def test_a_validation_is_listed_and_read(admin: httpx.AsyncClient) -> None:
    made = (await admin.post(VALIDATE, json=USERS_BODY)).json()

    read = await admin.get(f"/api/migration/validations/{made['validationId']}")

    assert read.json() == made
    assert (await admin.get("/api/migration/validations")).json() == {"validations": [made]}


async def test_a_flag_without_a_migration_can_be_validated_too(admin: httpx.AsyncClient) -> None:
    await admin.put("/api/migration/feature-flags/search", json={"enabled": True, "rolloutPercentage": 30})

    answer = await admin.post(VALIDATE, json=USERS_BODY)

    assert answer.status_code == 202
    assert answer.json()["phase"] is None


async def test_what_nobody_knows_cannot_be_validated(admin: httpx.AsyncClient) -> None:
    answers = [await admin.post(VALIDATE, json=USERS_BODY), await admin.get("/api/migration/validations/" + "0" * 32)]

    assert [answer.status_code for answer in answers] == [404, 404]


@pytest.mark.parametrize(
    "body",
    [
        {"phase": 0},
        {"phase": "1"},
        {"phase": 1.5},
        {"phase": True},
        {"sampleSize": 0},
        {"sampleSize": -1},
        {"sampleSize": 1e3},
        {"sampleSize": 10**9},
        {"maxMismatch": 0},
        {"maxMismatch": 1},
        {"confidence": 1},
        {"share": 0},
        {"share": 1.1},
    ],
    ids=repr,
)
async def test_a_validation_that_makes_no_sense_is_422(admin: httpx.AsyncClient, body: object) -> None:
    assert (await admin.post(VALIDATE, json=body)).status_code == 422
