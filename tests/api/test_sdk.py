import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.replica import LEASE_SECONDS, VALIDITY_SECONDS, Replica, validity
from api.services import Services
from crossfade.flags import from_definition
from store import clients, tokens
from tests.api.conftest import ADMIN, SDK, bearer, calling

FLAGS = "/api/migration/sdk/flags"
CONFIRMATIONS = "/api/migration/sdk/confirmations"


async def publish(admin: httpx.AsyncClient, app: FastAPI, percentage: float = 25) -> int:
    """Set a flag and let this replica read it; its revision."""
    body = {"enabled": True, "rolloutPercentage": percentage}
    made = await admin.put("/api/migration/feature-flags/search-fuzzy", json=body)
    await replica_of(app).refresh()
    return int(made.json()["revision"])


def replica_of(app: FastAPI) -> Replica:
    services: Services = app.state.services
    return services.replica


async def test_the_flags_are_delivered_with_what_the_sdk_needs(
    app: FastAPI, admin: httpx.AsyncClient, sdk: httpx.AsyncClient, environment: str
) -> None:
    revision = await publish(admin, app)

    answer = await sdk.get(FLAGS)

    assert answer.status_code == 200
    assert answer.headers["etag"] == f'"{revision}"'
    body = answer.json()
    assert (body["environment"], body["revision"], body["epoch"]) == (environment, revision, 0)
    assert 0 < body["validFor"] <= VALIDITY_SECONDS
    assert [from_definition(flag).name for flag in body["flags"]] == ["search-fuzzy"]


async def test_an_unchanged_set_is_304_until_a_flag_changes(
    app: FastAPI, admin: httpx.AsyncClient, sdk: httpx.AsyncClient
) -> None:
    await publish(admin, app)
    etag = (await sdk.get(FLAGS)).headers["etag"]

    unchanged = await sdk.get(FLAGS, headers={"If-None-Match": etag})
    await publish(admin, app, percentage=50)
    changed = await sdk.get(FLAGS, headers={"If-None-Match": etag})

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == etag
    assert changed.status_code == 200
    assert changed.json()["flags"][0]["percentage"] == 50


async def test_a_change_arrives_by_itself(admin: httpx.AsyncClient, sdk: httpx.AsyncClient, app: FastAPI) -> None:
    body = {"enabled": True, "rolloutPercentage": 10}
    made = await admin.put("/api/migration/feature-flags/search-fuzzy", json=body)

    async with asyncio.timeout(10):
        await replica_of(app).reached(made.json()["revision"])

    assert (await sdk.get(FLAGS)).json()["revision"] == made.json()["revision"]


async def test_a_confirmation_is_recorded_and_renews_the_validity(
    app: FastAPI, admin: httpx.AsyncClient, sdk: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    revision = await publish(admin, app)

    answer = await sdk.post(CONFIRMATIONS, json={"clientId": "host-1:4711", "revision": 0, "epoch": 0})

    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in ("revision", "epoch")} == {"revision": revision, "epoch": 0}
    assert 0 < answer.json()["validFor"] <= VALIDITY_SECONDS
    async with engine.begin() as connection:
        behind = await clients.behind(connection, environment=environment, revision=revision)
    assert [(client.client_id, client.replica) for client in behind] == [("host-1:4711", replica_of(app).name)]


@asynccontextmanager
async def unrecordable(engine: AsyncEngine, environment: str, client_id: str) -> AsyncIterator[None]:
    """Holds the client's row, so that nobody else can write it."""
    async with engine.connect() as connection:
        await clients.confirm(
            connection, environment=environment, client_id=client_id, revision=0, epoch=0, replica="other"
        )
        yield
        await connection.rollback()


async def is_waited_for(engine: AsyncEngine) -> None:
    waiting = text("select count(*) from pg_locks where not granted and locktype in ('transactionid', 'tuple')")
    async with engine.connect() as connection:
        while not (await connection.execute(waiting)).scalar_one():
            await connection.rollback()


async def test_a_client_that_could_not_be_recorded_is_not_renewed(
    sdk: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    body = {"clientId": "host-1:4711", "revision": 0, "epoch": 0}

    async with unrecordable(engine, environment, "host-1:4711"):
        held = await sdk.post(CONFIRMATIONS, json=body)
    free = await sdk.post(CONFIRMATIONS, json=body)

    assert (held.status_code, held.json()["validFor"], held.json()["recorded"]) == (200, 0.0, False)
    assert free.json()["validFor"] > 0
    assert free.json()["recorded"]


async def test_a_client_is_answered_by_what_is_served_once_it_is_recorded(
    app: FastAPI, admin: httpx.AsyncClient, sdk: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    async with unrecordable(engine, environment, "host-1:4711"), asyncio.TaskGroup() as tasks:
        body = {"clientId": "host-1:4711", "revision": 0, "epoch": 0}
        confirming = tasks.create_task(sdk.post(CONFIRMATIONS, json=body))
        waiting = tasks.create_task(is_waited_for(engine))
        await asyncio.wait([confirming, waiting], return_when="FIRST_COMPLETED")
        waiting.cancel()
        revision = await publish(admin, app)

    assert confirming.result().json()["revision"] == revision


async def test_a_client_that_left_is_waited_for_no_more(
    sdk: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    await sdk.post(CONFIRMATIONS, json={"clientId": "host-1:4711", "revision": 0, "epoch": 0})

    answers = [await sdk.delete("/api/migration/sdk/clients/host-1%3A4711") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    async with engine.begin() as connection:
        assert await clients.list(connection, environment=environment) == ()


@pytest.mark.parametrize(
    ("age", "left"),
    [
        (0.0, VALIDITY_SECONDS),
        (0.5, VALIDITY_SECONDS - 0.5),
        (LEASE_SECONDS, VALIDITY_SECONDS - LEASE_SECONDS),
        (LEASE_SECONDS + 0.001, 0.0),
        (60.0, 0.0),
        (float("inf"), 0.0),
        (float("nan"), 0.0),
        (-1.0, 0.0),
    ],
)
def test_the_validity_shrinks_with_the_age_of_the_last_good_read_and_ends_with_the_lease(
    age: float, left: float
) -> None:
    assert validity(age) == pytest.approx(left)


async def test_a_token_of_another_environment_gets_nothing(app: FastAPI, engine: AsyncEngine) -> None:
    foreign = "cf_sdk_testforeign_" + "d" * 43
    async with engine.begin() as connection:
        await tokens.ensure(connection, foreign, role="sdk", environment="elsewhere")

    async with calling(app, foreign) as client:
        answers = [
            await client.get(FLAGS),
            await client.post(CONFIRMATIONS, json={"clientId": "x", "revision": 0, "epoch": 0}),
        ]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].json()["type"] == "urn:crossfade:problem:other-environment"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"clientId": "x", "revision": 0},
        {"clientId": "", "revision": 0, "epoch": 0},
        {"clientId": "a b", "revision": 0, "epoch": 0},
        {"clientId": "x" * 129, "revision": 0, "epoch": 0},
        {"clientId": "x", "revision": -1, "epoch": 0},
        {"clientId": "x", "revision": 1.5, "epoch": 0},
        {"clientId": "x", "revision": "1", "epoch": 0},
        {"clientId": "x", "revision": True, "epoch": 0},
        {"clientId": "x", "revision": 0, "epoch": 0, "more": 1},
    ],
)
async def test_a_malformed_confirmation_is_422(sdk: httpx.AsyncClient, body: object) -> None:
    assert (await sdk.post(CONFIRMATIONS, json=body)).status_code == 422


async def test_the_admin_may_look_at_what_the_sdk_gets(nobody: httpx.AsyncClient) -> None:
    statuses = [(await nobody.get(FLAGS, headers=bearer(token))).status_code for token in (ADMIN, SDK)]

    assert statuses == [200, 200]
