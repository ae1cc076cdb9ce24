import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from crossfade.states import PhaseStatus
from store import phases
from store.migrations import Migration
from tests.builders import started_migration

PHASES = "/api/migration/phases"


@pytest.fixture
async def migration(engine: AsyncEngine, environment: str) -> Migration:
    """A live migration whose first phase runs and whose second one has not begun."""
    async with engine.begin() as connection:
        migration = await started_migration(connection, ["search"], ["socket"], environment=environment)
        await phases.set_status(
            connection, migration_id=migration.id, name="phase-1", status=PhaseStatus.RUNNING, actor="crossfade"
        )
    return migration


@pytest.mark.usefixtures("migration")
@pytest.mark.parametrize("order", ["pause", "resume"])
async def test_an_order_to_a_phase_waits_in_the_outbox_once(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str, order: str
) -> None:
    key = {"Idempotency-Key": "4711"}
    answers = [await admin.post(f"{PHASES}/phase-1/{order}", json={"reason": "lunch"}, headers=key) for _ in range(2)]

    query = text("select workflow_id, name, payload from outbox where environment = :environment and kind = 'signal'")
    async with engine.begin() as connection:
        rows = (await connection.execute(query, {"environment": environment})).all()
    ((workflow, name, payload),) = rows
    assert [answer.status_code for answer in answers] == [202, 202]
    assert (workflow, name) == (f"phase/{environment}/library/phase-1", order)
    assert (payload["reason"], bool(payload["order_id"])) == ("lunch", True)


@pytest.mark.usefixtures("migration")
async def test_a_phase_that_has_not_begun_cannot_be_paused(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(f"{PHASES}/phase-2/pause")

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:crossfade:problem:not-running")


@pytest.mark.usefixtures("migration")
async def test_an_unknown_phase_is_404(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(f"{PHASES}/phase-9/pause")

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:crossfade:problem:unknown-phase")
