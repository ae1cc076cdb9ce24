"""Temporal, Postgres and the API replicas are killed under a ramp, and in the middle of what people order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import asyncpg
import httpx
import pytest

from crossfade.states import ComponentStatus, MigrationStatus
from tests.faults.calling import HttpTraffic, ordered, ordered_until_taken, speak_http
from tests.faults.figures import tell
from tests.faults.invariants import assert_invariants
from tests.faults.processes import Cluster
from tests.faults.scene import PHASES, PUBLICATIONS, Outcome, Scene, phases, scene_of
from tests.workflows.plans import LONG, component, steps
from tests.workflows.stage import batch_of

SERVED = [(phase.components[0].name, int(step.percentage)) for phase in PHASES for step in phase.components[0].steps]
assert len(SERVED) == PUBLICATIONS
HOLDING = component("search", ramp=steps(10, 100, hold=LONG))


def kill_temporal(scene: Scene) -> None:
    scene.cluster.temporal.kill()
    scene.cluster.start()


def kill_postgres(scene: Scene) -> None:
    scene.cluster.postgres.kill()
    scene.cluster.start()


@pytest.mark.faults
@pytest.mark.parametrize("kill", [kill_temporal, kill_postgres])
async def test_a_ramp_whose_server_is_killed_at_each_step_ends_as_an_undisturbed_one(
    cluster: Cluster, undisturbed: Outcome, kill: Callable[[Scene], None]
) -> None:
    async with scene_of(cluster, "server") as scene:
        scene.hire("a", "b")
        migration = await scene.stage.start(*PHASES)
        for name, percentage in SERVED:
            await scene.stage.until_has_served(name, percentage)
            kill(scene)
        await scene.stage.until_status(migration, MigrationStatus.COMPLETED)

        assert await scene.outcome() == undisturbed
        await assert_invariants(scene)
        tell(f"{kill.__name__}: {len(SERVED)} kills, {len(scene.traffic.acknowledged)} batches, none lost or doubled")


@pytest.mark.faults
async def test_a_ramp_whose_replicas_are_killed_in_turn_ends_as_an_undisturbed_one(
    cluster: Cluster, undisturbed: Outcome
) -> None:
    async with scene_of(cluster, "replicas") as scene:
        scene.hire("a")
        await scene.open("one", "two")
        traffic = speak_http(scene)
        migration = await scene.stage.start(*phases(hold=timedelta(seconds=4)))
        for replica, percentage in zip(scene.replicas, (10, 50), strict=True):
            await scene.stage.until_has_served("search", percentage)
            replica.kill()
            await until_unanswered(scene, traffic)
            replica.start()
            await replica.until_ready()
        await scene.stage.until_status(migration, MigrationStatus.COMPLETED)

        assert await scene.outcome() == undisturbed
        await assert_invariants(scene)
        tell(f"kill replicas: 2 kills, {len(traffic.acknowledged)} batches, {traffic.unanswered} of them repeated")


async def until_unanswered(scene: Scene, traffic: HttpTraffic) -> None:
    """Wait until a client has found the killed replica silent."""
    before = traffic.unanswered

    async def unanswered() -> int:
        return traffic.unanswered

    await scene.stage.until("a batch is unanswered", unanswered, lambda seen: seen > before)


Order = Callable[[Scene, str, bool], Awaitable[None]]


async def stop(scene: Scene, key: str, is_disturbed: bool) -> None:
    """Stop the environment; killed in its transaction, it is repeated under the same key."""
    if is_disturbed:
        await ordered_and_killed(scene, "emergency-stop", key, reason="fire")
    answer = await ordered_until_taken(scene.replicas[0], "emergency-stop", key, reason="fire")
    assert answer.status_code == httpx.codes.OK, answer.text


async def roll_back(scene: Scene, key: str, is_disturbed: bool) -> None:
    """Roll the component back, killed as above."""
    if is_disturbed:
        await ordered_and_killed(scene, "rollback/search", key, reason="enough")
    answer = await ordered_until_taken(scene.replicas[0], "rollback/search", key, reason="enough")
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text


@pytest.mark.faults
@pytest.mark.parametrize(("order", "end"), [(stop, ComponentStatus.STOPPED), (roll_back, ComponentStatus.ROLLED_BACK)])
async def test_an_order_in_whose_transaction_postgres_is_killed_is_carried_out_once(
    cluster: Cluster, order: Order, end: ComponentStatus
) -> None:
    outcomes = []
    for is_disturbed in (False, True):
        async with scene_of(cluster, "order") as scene:
            scene.hire("a")
            await scene.open("one")
            migration = await scene.stage.start_one(HOLDING)
            await scene.stage.until_percentage("search", 10)
            # The percentage is seen before the rollout has told what it is: an order between the two leaves that out.
            await scene.stage.until_component(migration, "search", ComponentStatus.RAMPING)
            await order(scene, str(uuid4()), is_disturbed)
            await scene.stage.until_component(migration, "search", end)
            await scene.stage.until_rolled_back("search")
            await assert_invariants(scene)
            outcomes.append(await scene.outcome())
    assert outcomes[0] == outcomes[1]


@pytest.mark.faults
async def test_a_batch_in_whose_transaction_postgres_is_killed_is_counted_once(cluster: Cluster) -> None:
    async with scene_of(cluster, "batch") as scene:
        scene.hire("a")
        await scene.open("one")
        await scene.stage.start_one(HOLDING)
        await scene.stage.until_percentage("search", 10)
        await scene.traffic.end()
        flag = await scene.stage.flag("search")
        traffic = HttpTraffic(scene.company, scene.environment, scene.replicas)
        batch = batch_of(traffic.summaries(flag))
        held = "insert into ingest_batches (batch_id, day, environment, digest, answer) values ($1, $2, $3, '', '{}')"
        async with asyncpg_to(scene) as holder:
            await holder.execute("begin")
            day = await holder.fetchval("select to_timestamp($1)::date", batch.sentAt)
            await holder.execute(held, batch.batchId, day, scene.environment)
            sending = asyncio.create_task(traffic.deliver(batch))
            await until_it_waits(scene, "ingest_batches")
            kill_postgres(scene)
        with pytest.raises(ConnectionError):
            await sending
        while batch.batchId not in traffic.acknowledged:
            try:
                result = await traffic.deliver(batch)
            except ConnectionError:
                continue
            traffic.remember(batch, {drop.index for drop in result.dropped})
        again = await traffic.deliver(batch)

        assert again.duplicate
        scene.traffic.acknowledged |= traffic.acknowledged
        scene.traffic.counted += traffic.counted
        await assert_invariants(scene)


async def ordered_and_killed(scene: Scene, path: str, key: str, **body: object) -> None:
    """Give an order whose transaction is held by a lock of ours, and kill Postgres in it."""
    async with asyncpg_to(scene) as holder:
        await holder.execute("begin")
        await holder.execute("select from control where environment = $1 for update", scene.environment)
        ordering = asyncio.create_task(ordered(scene.replicas[0], path, key, **body))
        await until_it_waits(scene, "control")
        kill_postgres(scene)
    assert (await ordering).status_code == httpx.codes.SERVICE_UNAVAILABLE


@asynccontextmanager
async def asyncpg_to(scene: Scene) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(scene.cluster.database_url)
    try:
        yield connection
    finally:
        connection.terminate()


async def until_it_waits(scene: Scene, table: str) -> None:
    """Wait until a transaction waits for a lock on this table."""
    query = f"select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%{table}%'"

    async def waiting() -> int:
        async with asyncpg_to(scene) as looker:
            return int(await looker.fetchval(query))

    await scene.stage.until("a transaction waits", waiting, bool)
