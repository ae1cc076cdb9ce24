"""What the emergency stop does, without Temporal and without a worker."""

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from crossfade.states import MigrationStatus
from store import migrations, outbox, runs, stops
from tests.api.conftest import ADMIN, calling
from tests.builders import completed_run, served_run, started_migration

STOP = "/api/migration/emergency-stop"
FLAGS = "/api/migration/feature-flags"


async def served(admin: httpx.AsyncClient) -> dict[str, tuple[bool, float]]:
    flags = (await admin.get(FLAGS)).json()["flags"]
    return {flag["name"]: (flag["enabled"], flag["servedPercentage"]) for flag in flags}


@pytest.fixture
async def everything(engine: AsyncEngine, environment: str, admin: httpx.AsyncClient) -> None:
    """A live migration with a live and a completed component, and a flag that belongs to none."""
    async with engine.begin() as connection:
        migration = await started_migration(connection, ("search", "errors"), environment=environment)
        await served_run(connection, "search", percentage=50, environment=environment, migration_id=migration.id)
        await completed_run(connection, "errors", environment=environment, migration_id=migration.id)
    await admin.put(f"{FLAGS}/by-hand", json={"enabled": True, "rolloutPercentage": 30})


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize("sent", [{}, {"content": b""}, {"json": {}}, {"json": None}, {"json": {"reason": "fire"}}])
async def test_the_users_stop_disables_every_flag_and_fails_every_live_migration(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str, sent: dict[str, object]
) -> None:
    assert await served(admin) == {"by-hand": (True, 30), "errors": (True, 100), "search": (True, 50)}

    answer = await admin.post(STOP, **sent)  # type: ignore[arg-type]  # some of httpx's own arguments

    assert answer.status_code == 200
    assert sorted(answer.json()["flags"]) == ["by-hand", "errors", "search"]
    assert (len(answer.json()["runs"]), len(answer.json()["rollbacks"])) == (1, 1)
    assert await served(admin) == {"by-hand": (False, 0), "errors": (False, 0), "search": (False, 0)}
    async with engine.begin() as connection:
        (migration,) = await migrations.list(connection, environment=environment)
        assert migration.status is MigrationStatus.FAILED
        assert [str(migration.id)] == answer.json()["migrations"]
        assert await outbox.waiting(connection, environment=environment) >= 2


@pytest.mark.usefixtures("everything")
async def test_a_stop_of_one_migration_leaves_other_flags_alone(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    async with engine.begin() as connection:
        (migration,) = await migrations.list(connection, environment=environment)

    answer = await admin.post(STOP, json={"reason": "fire", "migrationId": str(migration.id)})

    assert answer.status_code == 200
    assert await served(admin) == {"by-hand": (True, 30), "errors": (False, 0), "search": (False, 0)}


@pytest.mark.usefixtures("everything")
async def test_a_second_stop_is_a_stop_too(admin: httpx.AsyncClient) -> None:
    first = await admin.post(STOP)
    second = await admin.post(STOP)

    assert second.status_code == 200
    assert second.json()["epoch"] > first.json()["epoch"]
    assert second.json()["runs"] == []


async def test_with_nothing_to_stop_the_stop_is_proven_all_the_same(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(STOP)

    assert answer.status_code == 200
    assert answer.json()["flags"] == []


@pytest.mark.usefixtures("everything")
async def test_a_stop_that_is_cut_off_in_the_middle_is_a_503_and_is_whole_when_repeated(
    app: FastAPI, admin: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection, calling(app, ADMIN, repeats=0) as once:
        # A table that the stop reaches after it has begun its entries of the audit.
        await connection.execute(text("lock table stopped_components in access exclusive mode"))
        cut_off = await once.post(STOP)
    assert (cut_off.status_code, cut_off.json()["type"]) == (503, "urn:crossfade:problem:database-unavailable")
    assert (await served(admin))["search"] == (True, 50)
    assert (await admin.post(STOP)).status_code == 200
    assert {flag[0] for flag in (await served(admin)).values()} == {False}


async def test_a_stop_of_an_unknown_migration_is_404_and_stops_nothing(admin: httpx.AsyncClient) -> None:
    await admin.put(f"{FLAGS}/by-hand", json={"enabled": True, "rolloutPercentage": 30})

    answer = await admin.post(STOP, json={"migrationId": "018f0000-0000-7000-8000-000000000000"})

    assert answer.status_code == 404
    assert await served(admin) == {"by-hand": (True, 30)}


async def test_an_environments_stop_in_force_refuses_raising_and_allows_lowering(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    async with engine.begin() as connection:
        await stops.stop(connection, environment=environment, migration_id=None, actor="ann", reason="fire")

    raised = await admin.put(f"{FLAGS}/by-hand", json={"enabled": True, "rolloutPercentage": 10})
    lowered = await admin.put(f"{FLAGS}/by-hand", json={"enabled": False, "rolloutPercentage": 0})

    assert (raised.status_code, lowered.status_code) == (409, 201)
    assert raised.json()["type"] == "urn:crossfade:problem:stopped"


@pytest.mark.usefixtures("everything")
async def test_a_stopped_run_is_stopping_in_the_stops_epoch(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    answer = await admin.post(STOP)

    async with engine.begin() as connection:
        run = await runs.latest(connection, environment=environment, component="search")
    assert run is not None
    assert (run.state, run.epoch) == ("stopping", answer.json()["epoch"])
