"""A process that evaluates is under its lease like every client."""

import asyncio

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.database import Database
from api.evaluator import Evaluator
from api.problems import Refused
from api.replica import LEASE_SECONDS, Replica
from crossfade.flags import Reason
from tests.builders import served_run


@pytest.fixture
def replica(engine: AsyncEngine, committed_database: str, environment: str) -> Replica:
    """One that reads only when it is told to."""
    return Replica(Database(engine), url=committed_database, environment=environment)


async def test_past_the_lease_a_live_run_is_legacy_and_a_flag_set_by_hand_goes_on(
    replica: Replica, engine: AsyncEngine, environment: str, admin: httpx.AsyncClient
) -> None:
    async with engine.begin() as connection:
        await served_run(connection, "search", percentage=100, environment=environment)
    await admin.put("/api/migration/feature-flags/done", json={"enabled": True, "rolloutPercentage": 100})
    evaluator = Evaluator(replica)
    await replica.refresh()

    fresh = evaluator.evaluate_all({})
    await asyncio.sleep(LEASE_SECONDS - replica.age + 0.05)
    stale = evaluator.evaluate_all({})
    await replica.refresh()
    again = evaluator.evaluate_all({})

    assert {name: evaluation.is_candidate for name, evaluation in fresh.items()} == {"done": True, "search": True}
    assert {name: evaluation.reason for name, evaluation in stale.items()} == {
        "done": Reason.STATIC,
        "search": Reason.STALE,
    }
    assert not stale["search"].is_candidate
    assert again == fresh


async def test_before_the_first_reading_nothing_is_evaluated(replica: Replica) -> None:
    evaluator = Evaluator(replica)

    with pytest.raises(Refused) as refused:
        evaluator.evaluate("search", {})
    assert refused.value.problem.status == 503
    assert not evaluator.is_fresh
