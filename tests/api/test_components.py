import asyncio
import time

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from crossfade.states import Verdict
from store import audit, components, outbox, runs
from store.identifiers import uuid7
from tests.builders import judge, publish, roll_back, served_run, started_migration

COMPONENT = "/api/migration/components/search"
WITHIN_TWO_SECONDS_AND_A_MARGIN = 6.0


@pytest.fixture
async def revision(engine: AsyncEngine, environment: str) -> int:
    """The component `search`, live at 50 % and judged; `errors` has not begun. The revision that is served."""
    async with engine.begin() as connection:
        migration = await started_migration(connection, ("search", "errors"), environment=environment)
        run = await served_run(connection, "search", percentage=50, environment=environment, migration_id=migration.id)
        await judge(connection, run, samples=1000)
        await components.note(connection, migration_id=migration.id, name="search", waiting_for="hold time")
    assert run.revision is not None
    return run.revision


def counter(revision: int, variant: str, metric: str, count: int) -> dict[str, object]:
    bucket = int(time.time()) // 10 * 10
    return {
        "component": "search",
        "variant": variant,
        "metric": metric,
        "count": count,
        "revision": revision,
        "bucket": bucket,
    }


async def test_a_component_says_where_it_stands_and_on_which_evidence(admin: httpx.AsyncClient, revision: int) -> None:
    rows = [
        counter(revision, "legacy", "requests", 100),
        counter(revision, "candidate", "requests", 50),
        counter(revision, "candidate", "errors", 5),
        counter(revision, "candidate", "comparisons", 20),
        counter(revision, "candidate", "mismatches", 2),
        counter(revision, "legacy", "comparisons", 10),
    ]
    batch = {"batchId": str(uuid7()), "client": "t", "sentAt": time.time(), "summaries": rows}
    assert (await admin.post("/api/migration/metrics", json=batch)).json()["accepted"] == len(rows)

    body = (await admin.get(COMPONENT)).json()

    names = ("name", "phase", "status", "step", "steps", "percentage", "waitingFor", "verdict", "attempt", "runState")
    assert {name: body[name] for name in names} == {
        "name": "search",
        "phase": "phase-1",
        "status": "ramping",
        "step": 1,
        "steps": 3,
        "percentage": 50,
        "waitingFor": "hold time",
        "verdict": "pass",
        "attempt": 1,
        "runState": "ramping",
    }
    assert body["reading"]["samples"] == 1000
    assert (body["legacy"]["requests"], body["legacy"]["errorRate"]) == (100, 0)
    assert (body["candidate"]["requests"], body["candidate"]["errors"], body["candidate"]["errorRate"]) == (50, 5, 0.1)
    assert body["comparisons"] == {"compared": 30, "mismatched": 2}


async def test_a_component_that_has_not_begun_has_no_figures(admin: httpx.AsyncClient, revision: int) -> None:
    listed = (await admin.get("/api/migration/components")).json()["components"]

    assert [part["name"] for part in listed] == ["search", "errors"]
    assert listed[0]["percentage"] == 50
    names = ("status", "step", "percentage", "verdict", "reading", "runId", "legacy", "candidate")
    assert [listed[1][name] for name in names] == ["pending", 0, 0, None, None, None, None, None]
    assert revision > 0


@pytest.mark.usefixtures("revision")
async def test_a_rolled_back_component_serves_nothing(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    async with engine.begin() as connection:
        await roll_back(connection, "search", environment=environment)

    body = (await admin.get(COMPONENT)).json()

    assert (body["status"], body["percentage"], body["runState"]) == ("rolling_back", 0, "rolling_back")


@pytest.mark.usefixtures("revision")
async def test_a_failing_verdict_is_shown_as_it_was_judged(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    async with engine.begin() as connection:
        (run,) = await runs.live(connection, environment)
        await judge(connection, run, verdict=Verdict.FAIL)

    assert (await admin.get(COMPONENT)).json()["verdict"] == "fail"


@pytest.mark.usefixtures("revision")
@pytest.mark.parametrize(
    ("order", "body"),
    [
        ("approve", None),
        ("approve", {"step": 2, "reason": "looks good"}),
        ("promote", None),
        ("retry", {"reason": "fixed"}),
        ("skip", {"reason": "not needed"}),
    ],
)
async def test_orders_that_need_an_answer_are_503_while_temporal_is_away(
    admin: httpx.AsyncClient, order: str, body: object
) -> None:
    async with asyncio.timeout(WITHIN_TWO_SECONDS_AND_A_MARGIN):
        answer = await admin.post(f"{COMPONENT}/{order}", json=body)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["type"] == "urn:crossfade:problem:temporal-unavailable"


@pytest.mark.usefixtures("revision")
@pytest.mark.parametrize("order", ["pause", "resume"])
async def test_pause_and_resume_wait_in_the_outbox(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str, order: str
) -> None:
    answer = await admin.post(f"{COMPONENT}/{order}", json={"reason": "lunch"})

    assert answer.status_code == 202
    async with engine.begin() as connection:
        assert await outbox.waiting(connection, environment=environment) == 2


@pytest.mark.usefixtures("revision")
@pytest.mark.parametrize("order", ["pause", "resume", "hold"])
async def test_an_order_that_is_repeated_by_its_key_gets_its_first_answer_even_when_nothing_runs_any_more(
    admin: httpx.AsyncClient, order: str
) -> None:
    key = {"Idempotency-Key": "4711"}
    first = await admin.post(f"{COMPONENT}/{order}", json={"reason": "lunch"}, headers=key)
    other = await admin.post(f"{COMPONENT}/{order}", json={"reason": "tea"}, headers=key)
    await admin.post("/api/migration/rollback/search")
    again = await admin.post(f"{COMPONENT}/{order}", json={"reason": "lunch"}, headers=key)

    assert (other.status_code, other.json()["type"]) == (422, "urn:crossfade:problem:key-reused")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert first.is_success


@pytest.mark.usefixtures("revision")
async def test_a_hold_needs_no_temporal_and_keeps_the_percentage(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    key = {"Idempotency-Key": "4711"}
    answers = [await admin.post(f"{COMPONENT}/hold", json={"reason": "look first"}, headers=key) for _ in range(2)]

    body = (await admin.get(COMPONENT)).json()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json() == {"component": "search", "order": "hold", "percentage": 50}
    assert (body["status"], body["percentage"], body["runState"]) == ("held", 50, "held")
    async with engine.begin() as connection:
        rows = await audit.find_all(connection, environment=environment, kind="run")
    assert [(row.action, row.reason) for row in rows][:1] == [("run.lower", "look first")]
    assert [row.action for row in rows].count("run.lower") == 1


@pytest.mark.usefixtures("revision")
async def test_only_a_complete_component_retires_and_a_stop_leaves_it_alone(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    too_early = await admin.post(f"{COMPONENT}/retire", json={"reason": "deleted"})
    async with engine.begin() as connection:
        (run,) = await runs.live(connection, environment)
        await publish(connection, run, step=2, percentage=100)
        await judge(connection, await runs.get(connection, run.id))
        await runs.complete(connection, run_id=run.id, epoch=run.epoch, actor="crossfade", effect="complete")
    without_reason = await admin.post(f"{COMPONENT}/retire")
    retired = await admin.post(f"{COMPONENT}/retire", json={"reason": "deleted"})
    stop = await admin.post("/api/migration/emergency-stop")
    back = await admin.post("/api/migration/rollback/search")

    assert (too_early.status_code, too_early.json()["type"]) == (409, "urn:crossfade:problem:not-complete")
    assert without_reason.status_code == 422
    assert retired.status_code == 200
    assert (stop.json()["flags"], stop.json()["retired"]) == ([], ["search"])
    assert (back.status_code, back.json()["component"]) == (409, "search")
    assert (await admin.get(COMPONENT)).json()["percentage"] == 100


@pytest.mark.usefixtures("revision")
async def test_a_component_without_a_live_run_cannot_be_paused_or_held(admin: httpx.AsyncClient) -> None:
    for order in ("pause", "hold"):
        answer = await admin.post(f"/api/migration/components/errors/{order}")
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:crossfade:problem:not-running"


@pytest.mark.usefixtures("revision")
async def test_a_skip_needs_its_reason(admin: httpx.AsyncClient) -> None:
    answers = [await admin.post(f"{COMPONENT}/skip", json=body) for body in (None, {}, {"reason": ""})]

    assert [answer.status_code for answer in answers] == [422, 422, 422]


@pytest.mark.parametrize("order", ["approve", "promote", "retry", "skip", "pause", "resume", "hold", "retire"])
async def test_orders_to_an_unknown_component_are_404(admin: httpx.AsyncClient, order: str) -> None:
    answer = await admin.post(f"{COMPONENT}/{order}", json={"reason": "x"})

    assert answer.status_code == 404
