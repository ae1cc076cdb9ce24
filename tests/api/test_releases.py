"""A stop of the environment stays in force, and its release."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from api.auth import SCOPES, Scope
from api.route import SCOPE_KEY
from api.settings import Settings
from local.errors import StopInForce
from local.rest import Rest
from tests.api.conftest import ADMIN, calling, running
from tests.builders import completed_run, started_migration

API = "/api/migration"
STOP = f"{API}/emergency-stop"
RELEASE = f"{STOP}/release"
DONE = f"{API}/feature-flags/done"


@pytest.fixture
async def stopped(engine: AsyncEngine, environment: str, admin: httpx.AsyncClient) -> str:
    """The id of a migration with a complete component `done` and a waiting one, after the stop of the environment."""
    async with engine.begin() as connection:
        migration = await started_migration(connection, ("done", "waiting"), environment=environment)
        await completed_run(connection, "done", environment=environment, migration_id=migration.id)
    assert (await admin.post(STOP)).status_code == 200
    return str(migration.id)


async def test_while_a_stop_is_in_force_nothing_starts_or_rises(admin: httpx.AsyncClient, stopped: str) -> None:
    orders = [f"components/done/{order}" for order in ("approve", "promote", "resume", "retry")]
    orders += [f"migrations/{stopped}/resume", "phases/phase-1/resume"]

    answers = {order: await admin.post(f"{API}/{order}") for order in orders}
    answers["put"] = await admin.put(DONE, json={"enabled": True, "rolloutPercentage": 10})
    lowered = await admin.put(DONE, json={"enabled": False, "rolloutPercentage": 0})

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 409)
    assert {answer.json()["type"] for answer in answers.values()} == {"urn:crossfade:problem:stopped"}
    assert all(RELEASE in answer.json()["detail"] for answer in answers.values())
    assert lowered.status_code == 200


@pytest.mark.usefixtures("stopped")
async def test_the_demonstration_says_how_to_release_the_stop(address: str, environment: str) -> None:
    plan = {"plan": PLAN.format(environment=environment)}

    def start() -> None:
        with Rest(address, ADMIN, lambda: None) as rest:
            rest._call("POST", "migrations", plan)

    with pytest.raises(StopInForce, match="control release --reason"):
        await asyncio.to_thread(start)


PLAN = """
apiVersion: crossfade/v1
kind: MigrationPlan
metadata: {{name: one, owner: tests, description: One component}}
environment: {environment}
defaults: {{ramp: {{steps: [{{percentage: 100, hold: 1s, minSample: 5}}]}}, bake: 1s}}
policy: {{maxComponentsRamping: 1, onComponentRollback: pausePhase}}
phases: [{{name: only, components: [{{name: search}}]}}]
"""


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize(("restore", "served"), [("none", 0), ("completed", 100)])
async def test_a_release_puts_back_what_was_complete_only_where_that_is_asked_for(
    admin: httpx.AsyncClient, restore: str, served: int
) -> None:
    body = {"reason": "over", "restore": restore}
    key = {"Idempotency-Key": "4711"}

    released = await admin.post(RELEASE, json=body, headers=key)
    again = await admin.post(RELEASE, json=body, headers=key)
    another = await admin.post(RELEASE, json=body)

    assert (released.status_code, again.json()) == (200, released.json())
    assert released.json()["restored" if served else "left"] == ["done"]
    assert (another.status_code, another.json()["type"]) == (409, "urn:crossfade:problem:not-stopped")
    assert (await admin.get(DONE)).json()["servedPercentage"] == served
    assert (await admin.put(DONE, json={"enabled": True, "rolloutPercentage": 50})).status_code == 200


@pytest.mark.usefixtures("stopped")
async def test_the_key_of_a_stop_that_is_over_proves_nothing(admin: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "4711"}
    first = await admin.post(STOP, headers=key)
    await admin.post(RELEASE, json={"reason": "over"})
    released = await admin.post(STOP, headers=key)
    await admin.put(DONE, json={"enabled": True, "rolloutPercentage": 50})
    raised = await admin.post(STOP, headers=key)

    assert (first.status_code, released.status_code) == (200, 200)
    assert (raised.status_code, raised.json()["type"]) == (409, "urn:crossfade:problem:stop-is-over")
    assert (await admin.post(STOP, headers={"Idempotency-Key": "4712"})).status_code == 200
    assert (await admin.get(DONE)).json()["servedPercentage"] == 0


def test_only_an_administrator_may_release(app: FastAPI) -> None:
    scope = app.openapi()["paths"][RELEASE]["post"][SCOPE_KEY]

    assert [role for role, scopes in SCOPES.items() if scope in scopes] == ["admin"]
    assert scope == Scope.ADMINISTER


async def test_a_release_that_finds_postgres_away_says_nothing_of_a_stop(settings: Settings) -> None:
    async with (
        running(replace(settings, database_url="postgresql://nobody@127.0.0.1:1/nowhere")) as app,
        calling(app, ADMIN, repeats=0) as admin,
    ):
        refused = await admin.post(RELEASE, json={"reason": "over"})

    assert (refused.status_code, refused.json()["type"]) == (503, "urn:crossfade:problem:database-unavailable")
    assert "legacyBy" not in refused.json()
    assert "stop" not in refused.json()["detail"]


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize("body", [None, {}, {"reason": ""}, {"reason": "over", "restore": "everything"}])
async def test_a_release_without_a_reason_or_of_another_kind_is_refused(admin: httpx.AsyncClient, body: object) -> None:
    refused = await admin.post(RELEASE, json=body)
    raised = await admin.put(DONE, json={"enabled": True, "rolloutPercentage": 50})

    assert (refused.status_code, raised.status_code) == (422, 409)
