"""Orders that a workflow answers: the real worker, a real Temporal, traffic, and the API in front of them."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import local.temporal
import worker
from api.settings import Settings
from store.engine import create_engine
from tests.api.conftest import ADMIN, calling, running
from tests.workflows.stage import Traffic
from workflows.client import connect

API = "/api/migration"
PATIENCE = 40.0
PLAN = """
apiVersion: crossfade/v1
kind: MigrationPlan
metadata: {name: one, owner: tests, description: One component that waits for people}
environment: production
approvals:
  release: {reasonRequired: true, expiresAfter: 1h, onExpire: hold}
defaults:
  ramp:
    steps:
      - {percentage: 10, hold: 1s, minSample: 5}
      - {percentage: 50, hold: 1h, minSample: 5, approval: release}
      - {percentage: 100, hold: 1s, minSample: 5}
  rollback: {cooldown: 0s, maxAttempts: 3}
  bake: 1s
policy: {maxComponentsRamping: 1, onComponentRollback: pausePhase}
phases:
  - name: only
    components: [{name: search}]
"""


@pytest.fixture
def own_temporal(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A server whose task queue no other test's worker polls."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    with local.temporal.serve(tmp_path, environ, has_page=False) as server:
        yield server.environment


@dataclass
class Person:
    """Somebody with a token and some patience."""

    client: httpx.AsyncClient

    async def component(self) -> dict[str, Any]:
        answer = await self.client.get(f"{API}/components/search")
        body: dict[str, Any] = answer.json() if answer.is_success else {}
        return body

    async def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The component once it is so; each look is a request."""
        seen: dict[str, Any] = {}
        try:
            async with asyncio.timeout(PATIENCE):
                while not (seen and holds(seen)):
                    seen = await self.component()
        except TimeoutError:
            raise AssertionError(seen) from None
        return seen

    async def until_the_phase_is_paused(self) -> None:
        """The workflow has heard of the rollback that Postgres has known for a moment."""
        async with asyncio.timeout(PATIENCE):
            while (await self.client.get(f"{API}/phases")).json()["phases"][0]["status"] != "paused":
                continue

    async def order(self, name: str, body: object = None, *, key: str | None = None) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return await self.client.post(f"{API}/components/search/{name}", json=body, headers=headers)

    async def validate(self, sample: int) -> httpx.Response:
        body = {"phase": 1, "sampleSize": sample}
        return await self.client.post(f"{API}/validation/search", json=body, headers={"Prefer": "wait=10"})

    async def put(self, share: float, *, condition: str | None = None) -> httpx.Response:
        body = {"enabled": True, "rolloutPercentage": share}
        headers = {"If-Match": condition} if condition else {}
        return await self.client.put(f"{API}/feature-flags/search", json=body, headers=headers)


@pytest.fixture
async def person(database_url: str, own_temporal: dict[str, str]) -> AsyncIterator[Person]:
    """Somebody in front of an API whose migration waits for an approval at 10 %."""
    settings = Settings(database_url=database_url, admin_token=ADMIN, environ=own_temporal)
    engine = create_engine(database_url)
    temporal = await connect(own_temporal, lazy=False)
    async with worker.build(temporal, engine, {}, grace=timedelta(0)), running(settings) as app:
        await worker.watch(temporal, settings.environment)
        traffic = asyncio.create_task(Traffic(engine, settings.environment).flow())
        async with calling(app, ADMIN) as client:
            person = Person(client)
            started = await client.post(f"{API}/migrations", json={"plan": PLAN})
            assert started.status_code == 202, started.text
            await person.until(lambda seen: "approval" in (seen["waitingFor"] or ""))
            yield person
        traffic.cancel()
        with suppress(asyncio.CancelledError):
            await traffic
    await engine.dispose()


async def test_a_step_waits_for_its_approval_and_for_the_reason(person: Person) -> None:
    wrong_step = await person.order("approve", {"step": 3, "reason": "x"})
    without_reason = await person.order("approve")
    approved, repeated = [
        await person.order("approve", {"step": 2, "reason": "figures are good"}, key="4711") for _ in range(2)
    ]
    component = await person.until(lambda seen: seen["percentage"] == 50)
    unwanted = await person.order("approve", {"step": 3, "reason": "once more"})

    assert (wrong_step.status_code, wrong_step.json()["type"]) == (409, "urn:crossfade:problem:not-waiting")
    assert (without_reason.status_code, without_reason.json()["type"]) == (422, "urn:crossfade:problem:reason-required")
    assert (approved.status_code, approved.json()["answer"]) == (200, "step 2 approved")
    assert (repeated.status_code, repeated.json()) == (200, approved.json())
    assert component["status"] == "ramping"
    assert component["candidate"]["requests"] > 0
    assert unwanted.status_code == 409


async def test_of_two_who_raise_a_live_rollout_with_one_etag_one_is_412(person: Person) -> None:
    read = await person.client.get(f"{API}/feature-flags/search")

    answers = await asyncio.gather(*(person.put(share, condition=read.headers["etag"]) for share in (20, 30)))

    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_a_percentage_set_by_hand_holds_until_it_is_resumed(person: Person) -> None:
    raised = await person.put(30)
    held = await person.until(lambda seen: seen["status"] == "held")
    lowered = await person.put(20)
    promoted = await person.order("promote")
    resumed = await person.order("resume", {"reason": "go on"})
    ramping = await person.until(lambda seen: seen["status"] == "ramping")

    assert (raised.status_code, raised.json()["servedPercentage"]) == (200, 30)
    assert held["percentage"] == 30
    assert (lowered.status_code, lowered.json()["servedPercentage"]) == (200, 20)
    assert promoted.status_code == 409
    assert resumed.status_code == 202
    assert (ramping["percentage"], ramping["step"]) == (10, 1)


async def test_a_component_rolls_back_and_is_retried_and_skipped_by_a_person(person: Person) -> None:
    too_early = await person.order("retry", {"reason": "why not"})
    rollback = await person.client.post(f"{API}/rollback/search", json={"reason": "High error rate detected"})
    back = await person.until(lambda seen: seen["status"] == "rolled_back")
    await person.until_the_phase_is_paused()
    listed = (await person.client.get(f"{API}/rollbacks/{rollback.json()['rollback']['id']}")).json()["rollback"]
    retried = await person.order("retry", {"reason": "fixed"})
    second = await person.until(lambda seen: seen["attempt"] == 2 and seen["percentage"] == 10)
    await person.client.post(f"{API}/rollback/search", json={"reason": "still wrong"})
    await person.until(lambda seen: seen["status"] == "rolled_back")
    await person.until_the_phase_is_paused()
    skipped = await person.order("skip", {"reason": "not worth it"})
    end = await person.until(lambda seen: seen["status"] == "skipped")

    assert too_early.status_code == 409
    assert rollback.status_code == 202
    assert back["percentage"] == 0
    assert (listed["state"], {step["state"] for step in listed["steps"]}) == ("completed", {"completed"})
    assert (retried.status_code, skipped.status_code) == (200, 200), retried.text + skipped.text
    assert second["runId"] != back["runId"]
    assert end["percentage"] == 0


async def test_a_validation_by_hand_answers_with_its_verdict(person: Person) -> None:
    proven = await person.validate(300)
    too_small = await person.validate(30)

    assert (proven.status_code, proven.json()["verdict"]) == (200, "pass"), proven.text
    assert proven.json()["compared"] >= 300
    assert (too_small.status_code, too_small.json()["verdict"]) == (200, "inconclusive"), too_small.text


async def test_a_stop_ends_the_migration_as_failed_and_its_workflows_follow(person: Person) -> None:
    stopped = await person.client.post(f"{API}/emergency-stop")
    component = await person.until(lambda seen: seen["runState"] == "stopped")
    (migration,) = (await person.client.get(f"{API}/migrations")).json()["migrations"]
    approve = await person.order("approve", {"reason": "too late"})

    assert stopped.status_code == 200
    assert (component["status"], component["percentage"]) == ("stopped", 0)
    assert migration["status"] == "failed"
    assert approve.status_code == 409
