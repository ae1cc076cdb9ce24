import asyncio
from dataclasses import replace

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.settings import Settings
from store import monitors
from tests.api.conftest import calling, running
from tests.builders import served_run

HEALTH = "/api/migration/health"
NO_TEMPORAL = "Temporal does not answer: nothing advances. Rollback and emergency stop still work."


async def test_health_is_open_and_names_each_dependency_and_issue(nobody: httpx.AsyncClient, environment: str) -> None:
    async with asyncio.timeout(20):  # a replica that has just started has read no flags yet, and says so
        while not (answer := await nobody.get(HEALTH)).json()["dependencies"]["flags"]["healthy"]:
            continue

    assert answer.status_code == 200
    assert answer.json() == {
        "healthy": False,
        "issues": [NO_TEMPORAL],
        "environment": environment,
        "dependencies": {
            "database": {"healthy": True},
            "flags": {"healthy": True},
            "temporal": {"healthy": False, "issue": NO_TEMPORAL},
            "worker": {"healthy": True},
        },
    }


async def worker(client: httpx.AsyncClient) -> str:
    dependency = (await client.get(HEALTH)).json()["dependencies"]["worker"]
    return str(dependency.get("issue", ""))


async def test_a_live_run_that_nobody_judges_is_an_issue(
    nobody: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    async with engine.begin() as connection:
        await served_run(connection, "search", environment=environment)

    assert await worker(nobody) == "No worker has judged yet: no automatic rollback, nothing advances."


async def test_a_monitor_that_ticks_is_healthy_and_one_that_stopped_is_not(
    nobody: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    async with engine.begin() as connection:
        await monitors.tick(connection, environment)
    ticking = await worker(nobody)
    async with engine.begin() as connection:
        late = text("update monitors set ticked_at = ticked_at - interval '11 s' where environment = :environment")
        await connection.execute(late, {"environment": environment})

    assert ticking == ""
    assert (await worker(nobody)).startswith("No worker has judged for 11 s")


async def test_without_postgres_the_api_starts_says_so_and_refuses_the_rest(settings: Settings) -> None:
    nowhere = replace(settings, database_url="postgresql://app@/app?host=/nonexistent")
    async with running(nowhere) as app, calling(app, None, repeats=0) as client:
        health = await client.get(HEALTH)
        flags = await client.get("/api/migration/feature-flags", headers={"Authorization": "Bearer x"})

    assert health.status_code == 200
    assert health.json()["issues"][0] == "Postgres does not answer: nothing can be changed."
    assert (flags.status_code, flags.json()["type"]) == (503, "urn:crossfade:problem:database-unavailable")


async def test_with_everything_there_nothing_is_wrong(settings: Settings, database_url: str, temporal: str) -> None:
    # A database of its own: the outbox of the shared one holds what other tests meant for no Temporal.
    alone = replace(settings, database_url=database_url, environ={"TEMPORAL_ADDRESS": temporal})
    async with running(alone) as app, calling(app, None, repeats=0) as client:
        async with asyncio.timeout(20):
            while not (answer := await client.get(HEALTH)).json()["healthy"]:
                continue

    assert answer.json()["issues"] == []


async def test_replicas_are_known_while_they_run_and_forgotten_when_they_end(
    settings: Settings, engine: AsyncEngine, environment: str
) -> None:
    async def known() -> list[str]:
        async with engine.begin() as connection:
            mine = text("select replica from replicas where environment = :environment")
            return [row.replica for row in await connection.execute(mine, {"environment": environment})]

    async with running(settings) as app:
        async with asyncio.timeout(10):
            while not (names := await known()):
                continue

    assert names == [name_of(app)]
    assert await known() == []


def name_of(app: FastAPI) -> str:
    return str(app.state.services.replica.name)
