"""What an emergency stop proves, with two replicas of one environment, SDK clients, and links that break."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api import acknowledgement
from api.acknowledgement import serving
from api.problems import Refused
from api.replica import Replica
from api.settings import Settings
from crossfade.sdk import Client
from store import clients, retirements
from store.acknowledgements import Behind, Look
from tests.api.conftest import ADMIN, SDK, calling, running
from tests.builders import completed_run, served_run, started_migration
from tests.faults.proxy import Proxy

STOP = "/api/migration/emergency-stop"
KEY = {"Idempotency-Key": "4711"}
PATIENCE = 60.0
FRESH = Behind("r", 3, 0.1)
SILENT = Behind("r", 3, 4.3)


def replica_of(app: FastAPI) -> Replica:
    found = app.state.services.replica
    assert isinstance(found, Replica)
    return found


@pytest.fixture
async def live(engine: AsyncEngine, environment: str) -> None:
    """The component `live`, at 50 % by a run."""
    async with engine.begin() as connection:
        await served_run(connection, "live", percentage=50, environment=environment)


@pytest.fixture
async def done(engine: AsyncEngine, environment: str) -> None:
    """The component `done` of a migration, complete."""
    async with engine.begin() as connection:
        migration = await started_migration(connection, ("done",), environment=environment)
        await completed_run(connection, "done", environment=environment, migration_id=migration.id)


@pytest.fixture
async def proxy(settings: Settings) -> AsyncIterator[Proxy]:
    async with Proxy.to_database(settings.database_url) as proxy:
        yield proxy


@pytest.fixture
async def other(settings: Settings, proxy: Proxy, app: FastAPI, live: None) -> AsyncIterator[FastAPI]:  # noqa: ARG001 - in this order
    """A second replica, whose link to Postgres can be cut; both serve what there is."""
    async with running(replace(settings, database_url=proxy.database_url)) as other:
        async with asyncio.timeout(PATIENCE):
            for each in (app, other):
                await replica_of(each).reached(0)
                await replica_of(each).refresh()
        yield other
        proxy.mode = "pass"


async def silent_client(engine: AsyncEngine, environment: str, *, seconds: float, revision: int | None = None) -> None:
    """A client that confirmed the newest revision, or this one, and was not heard of since then."""
    async with engine.begin() as connection:
        newest = text("select revision from control where environment = :environment")
        where = {"environment": environment}
        served = (await connection.execute(newest, where)).scalar_one() if revision is None else revision
        await clients.confirm(
            connection, environment=environment, client_id="silent", revision=served, epoch=0, replica="r"
        )
        age = text(
            "update sdk_clients set seen_at = seen_at - make_interval(secs => :seconds) where client_id = 'silent'"
        )
        await connection.execute(age, {"seconds": seconds})


async def test_with_everybody_there_each_has_confirmed(other: FastAPI, address: str, admin: httpx.AsyncClient) -> None:
    client = Client(address, SDK, client_id="app-1")
    await asyncio.to_thread(client.start, timeout=PATIENCE)
    context = {"targetingKey": "u-1"}
    assert client.status().connected

    answer = await admin.post(STOP)
    is_candidate = client.evaluate("live", context).is_candidate
    await asyncio.to_thread(client.close)

    found = answer.json()
    assert (answer.status_code, "mayStillServe" in found) == (200, False)
    assert (found["replicasApplied"], found["replicasExpired"]) == (2, 0)
    assert (found["clientsConfirmed"], found["clientsExpired"]) == (1, 0)
    assert 0 < found["milliseconds"] < PATIENCE * 1000
    assert not is_candidate
    assert replica_of(other).snapshot.epoch == found["epoch"]


async def test_a_replica_whose_link_is_cut_serves_no_live_rollout_when_the_stop_is_answered(
    other: FastAPI, proxy: Proxy, admin: httpx.AsyncClient
) -> None:
    proxy.mode = "blackhole"

    answer = await admin.post(STOP)
    served = replica_of(other).served()

    found = answer.json()
    assert answer.status_code == 200
    assert found["replicasApplied"] + found["replicasExpired"] == 2
    assert served.valid_for == 0
    assert served.epoch < found["epoch"]


@pytest.mark.usefixtures("done")
async def test_a_replica_whose_link_is_cut_may_still_serve_what_is_complete(
    other: FastAPI, proxy: Proxy, admin: httpx.AsyncClient
) -> None:
    async with asyncio.timeout(PATIENCE):
        while {flag.name for flag in replica_of(other).snapshot.flags} != {"done", "live"}:
            await replica_of(other).refresh()
    proxy.mode = "blackhole"

    unproven = await admin.post(STOP, headers=KEY)
    proxy.mode = "pass"
    async with asyncio.timeout(PATIENCE):
        await replica_of(other).reached(unproven.json()["revision"])
        while (proven := await admin.post(STOP, headers=KEY)).status_code == 202:
            continue

    assert unproven.status_code == 202
    assert unproven.json()["mayStillServe"] == {
        "replicas": [replica_of(other).name],
        "clients": [],
        "flags": ["done"],
    }
    assert (proven.status_code, proven.json()["epoch"]) == (200, unproven.json()["epoch"])
    assert proven.json()["replicasApplied"] == 2


@pytest.mark.usefixtures("live")
async def test_a_client_that_never_confirms_expires(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    await silent_client(engine, environment, seconds=4)

    found = await admin.post(STOP)

    assert found.status_code == 200
    assert (found.json()["clientsConfirmed"], found.json()["clientsExpired"]) == (0, 1)


@pytest.mark.usefixtures("done")
async def test_a_silent_client_is_named_until_it_says_goodbye(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    await silent_client(engine, environment, seconds=86400)

    unproven = await admin.post(STOP, headers=KEY)
    await admin.delete("/api/migration/sdk/clients/silent")
    proven = await admin.post(STOP, headers=KEY)

    assert unproven.status_code == 202
    assert unproven.json()["mayStillServe"] == {"replicas": [], "clients": ["silent"], "flags": ["done"]}
    assert proven.status_code == 200


@pytest.mark.usefixtures("live")
async def test_a_client_that_has_seen_the_end_of_what_lasted_is_not_named(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    flag = "/api/migration/feature-flags/by-hand"
    await admin.put(flag, json={"enabled": True, "rolloutPercentage": 30})
    closed = (await admin.put(flag, json={"enabled": False})).json()["revision"]
    await silent_client(engine, environment, seconds=86400, revision=closed)
    knowing = await admin.post(STOP)
    await silent_client(engine, environment, seconds=86400, revision=closed - 1)
    unknowing = await admin.post(STOP)

    assert (knowing.status_code, unknowing.status_code) == (200, 202)
    assert unknowing.json()["mayStillServe"]["flags"] == ["by-hand"]


@pytest.mark.usefixtures("done")
async def test_a_retired_component_is_left_alone_and_needs_no_proof(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    await silent_client(engine, environment, seconds=86400)
    async with engine.begin() as connection:
        await retirements.retire(connection, environment=environment, component="done", actor="ann", reason="deleted")

    answer = await admin.post(STOP)

    assert (answer.status_code, answer.json()["flags"], answer.json()["retired"]) == (200, [], ["done"])


@pytest.mark.usefixtures("done")
async def test_the_stop_of_a_migration_is_proven_for_its_own_flags(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    await admin.put("/api/migration/feature-flags/by-hand", json={"enabled": True, "rolloutPercentage": 30})
    await silent_client(engine, environment, seconds=86400)
    (migration,) = (await admin.get("/api/migration/migrations")).json()["migrations"]

    answer = await admin.post(STOP, json={"migrationId": migration["id"]})

    assert answer.status_code == 202
    assert answer.json()["mayStillServe"]["flags"] == ["done"]


@pytest.mark.usefixtures("live")
async def test_postgres_that_goes_away_before_the_proof_is_503_and_a_repeat_proves_it(
    settings: Settings, proxy: Proxy, engine: AsyncEngine, environment: str
) -> None:
    async with (
        running(replace(settings, database_url=proxy.database_url)) as app,
        calling(app, ADMIN, repeats=0) as admin,
    ):
        await admin.get("/api/migration/feature-flags")
        await silent_client(engine, environment, seconds=1)
        stopping = asyncio.create_task(admin.post(STOP, headers=KEY))
        async with asyncio.timeout(PATIENCE):
            while not await is_stopped(engine, environment):
                continue
        proxy.mode = "reset"
        unproven = await stopping
        proxy.mode = "pass"
        async with asyncio.timeout(PATIENCE):
            while (proven := await admin.post(STOP, headers=KEY)).status_code == 503:
                continue

    assert (unproven.status_code, unproven.json()["type"]) == (503, "urn:crossfade:problem:stop-unproven")
    assert (proven.status_code, proven.json()["epoch"]) == (200, unproven.json()["epoch"])


@pytest.mark.usefixtures("live", "done")
async def test_a_stop_that_takes_long_is_recorded_as_long_as_postgres_answers(settings: Settings, proxy: Proxy) -> None:
    proxy.delay = 0.014  # there and back, eighty times in a stop: two seconds
    async with (
        running(replace(settings, database_url=proxy.database_url)) as app,
        calling(app, ADMIN, repeats=0) as admin,
        asyncio.timeout(PATIENCE),
    ):
        await admin.get("/api/migration/feature-flags")
        proxy.mode = "delay"
        while (stopped := await admin.post(STOP)).status_code == 503:
            continue

    assert (stopped.status_code, stopped.json()["flags"]) == (200, ["done", "live"])


async def is_stopped(engine: AsyncEngine, environment: str) -> bool:
    async with engine.begin() as connection:
        query = text("select stopped_at is not null from control where environment = :environment")
        return bool((await connection.execute(query, {"environment": environment})).scalar_one())


@pytest.mark.parametrize(
    ("look", "elapsed", "over"),
    [
        (Look((), (), 2, 1), 0.0, True),
        (Look((FRESH,), (), 2, 1), 2.2, False),
        (Look((FRESH,), (), 2, 1), 2.25, True),
        (Look((SILENT,), (), 2, 1), 0.0, True),
        (Look((replace(SILENT, age=4.2),), (), 2, 1), 0.0, False),
        (Look((), (replace(FRESH, age=5.2),), 2, 1), 0.0, False),
        (Look((), (replace(FRESH, age=5.25),), 2, 1), 0.0, True),
        (Look((FRESH,), (replace(FRESH, age=5.25),), 2, 1), 0.0, False),
        (Look((FRESH,), (FRESH,), 0, 0), 5.25, True),
        (Look((replace(FRESH, age=float("nan")),), (), 2, 1), 0.0, False),
    ],
)
def test_the_proof_waits_for_whoever_may_still_serve_a_live_rollout(look: Look, elapsed: float, *, over: bool) -> None:
    assert acknowledgement.is_over(look, elapsed) is over


def test_only_who_has_not_applied_the_end_of_a_flag_may_serve_it() -> None:
    behind = [replace(FRESH, name=str(revision), revision=revision) for revision in (6, 7, 8)]

    assert serving(behind, {"search": 7, "errors": 3}) == ["6"]
    assert serving(behind, {}) == []


async def test_under_one_name_a_second_process_serves_nothing_until_the_first_has_left(settings: Settings) -> None:
    named = replace(settings, replica="api-0")
    async with running(named) as first:
        async with asyncio.timeout(PATIENCE):
            await replica_of(first).reached(0)
        async with running(named) as second, calling(second, ADMIN, repeats=0) as admin:
            refused = await admin.get("/api/migration/sdk/flags")
            serves = replica_of(first).served().valid_for > 0
    async with running(named) as third:
        async with asyncio.timeout(PATIENCE):
            await replica_of(third).reached(0)

    assert refused.status_code == 503
    assert serves


@pytest.mark.usefixtures("done")
async def test_a_process_that_has_lost_its_name_serves_not_even_what_is_complete(
    settings: Settings, proxy: Proxy
) -> None:
    named = replace(settings, replica="api-0")
    async with running(replace(named, database_url=proxy.database_url)) as first, calling(first, SDK) as sdk:
        async with asyncio.timeout(PATIENCE):
            await replica_of(first).reached(1)
        proxy.mode = "blackhole"
        async with running(named) as second, calling(second, ADMIN) as admin:
            async with asyncio.timeout(PATIENCE):
                await replica_of(second).reached(1)
            proxy.mode = "pass"
            async with asyncio.timeout(PATIENCE):
                while replica_of(first).has_read:
                    with suppress(Refused):
                        await replica_of(first).refresh()
            stopped = await admin.post(STOP)
            asked = await sdk.post("/ofrep/v1/evaluate/flags/done", json={"context": {"targetingKey": "u-1"}})

    assert (stopped.status_code, asked.status_code) == (200, 503)
