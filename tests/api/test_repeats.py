"""Orders with an Idempotency-Key: start, rollback and emergency stop."""

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from store import audit, migrations
from tests.builders import served_run

API = "/api/migration"
ORDERS = {
    "rollback": (f"{API}/rollback/search", {"reason": "High error rate detected"}, {"reason": "another"}),
    "emergency stop": (f"{API}/emergency-stop", {"reason": "fire"}, {"reason": "another"}),
}
PROOF = {"milliseconds", "replicasApplied", "replicasExpired", "clientsConfirmed", "clientsExpired"}


def without_proof(answer: httpx.Response) -> dict[str, object]:
    """What was recorded; a stop is proven anew each time."""
    return {name: value for name, value in answer.json().items() if name not in PROOF}


@pytest.fixture
async def live(engine: AsyncEngine, environment: str) -> None:
    """The component `search`, live at 50 %."""
    async with engine.begin() as connection:
        await served_run(connection, "search", percentage=50, environment=environment)


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("order", ["rollback", "emergency stop"])
async def test_an_order_that_is_sent_twice_has_one_effect_and_one_answer(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str, order: str
) -> None:
    path, body, other = ORDERS[order]
    key = {"Idempotency-Key": "4711"}
    first = await admin.post(path, json=body, headers=key)
    async with engine.begin() as connection:
        before = await audit.find_all(connection, environment=environment)
    again = await admin.post(path, json=body, headers=key)
    reused = await admin.post(path, json=other, headers=key)
    async with engine.begin() as connection:
        after = await audit.find_all(connection, environment=environment)

    assert first.status_code == again.status_code == {"rollback": 202, "emergency stop": 200}[order]
    assert without_proof(first) == without_proof(again)
    assert (reused.status_code, reused.json()["type"]) == (422, "urn:crossfade:problem:key-reused")
    assert before == after


async def test_a_key_of_yesterday_does_not_keep_a_stop_from_stopping(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    key = {"Idempotency-Key": "stop"}
    old = await admin.post(f"{API}/emergency-stop", headers=key)
    await admin.post(f"{API}/emergency-stop/release", json={"reason": "over"})
    await admin.put(f"{API}/feature-flags/search", json={"enabled": True, "rolloutPercentage": 30})
    async with engine.begin() as connection:
        await connection.execute(text("update first_answers set answered_at = answered_at - interval '24.1 hours'"))

    new = await admin.post(f"{API}/emergency-stop", headers=key)

    assert (old.status_code, old.json()["flags"], new.status_code, new.json()["flags"]) == (200, [], 200, ["search"])
    async with engine.begin() as connection:
        mine = text("select count(*) from first_answers where environment = :environment")
        assert (await connection.execute(mine, {"environment": environment})).scalar_one() == 1


async def test_a_migration_that_is_started_twice_by_one_key_is_one(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    plan = (
        "apiVersion: crossfade/v1\nkind: MigrationPlan\n"
        "metadata: {name: one, owner: tests, description: One component}\n"
        f"environment: {environment}\n"
        "defaults: {ramp: {steps: [{percentage: 100, hold: 1s, minSample: 5}]}, bake: 1s}\n"
        "policy: {maxComponentsRamping: 1, onComponentRollback: pausePhase}\n"
        "phases: [{name: only, components: [{name: search}]}]\n"
    )
    key = {"Idempotency-Key": "4711"}
    first, again = [await admin.post(f"{API}/migrations", json={"plan": plan}, headers=key) for _ in range(2)]
    without = await admin.post(f"{API}/migrations", json={"plan": plan})
    async with engine.begin() as connection:
        found = await migrations.list(connection, environment=environment)

    assert (first.status_code, again.status_code, without.status_code) == (202, 202, 409), first.text
    assert first.json() == again.json()
    assert len(found) == 1
