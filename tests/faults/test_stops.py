"""After a stop's 200 no client is given candidate, whatever is frozen, cut off or dead meanwhile.

Each client writes every evaluation down with the instant at which it began; the instant of the 200 is read when the
answer has arrived. What has begun before may still end afterwards.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import httpx
import pytest

import store.stops
from crossfade.plan.resolved import PhasePlan, Policy
from crossfade.states import ComponentStatus, MigrationStatus
from tests.api.conftest import SDK
from tests.faults.calling import ordered
from tests.faults.evaluator import Trace, boot_nanoseconds, read
from tests.faults.figures import tell
from tests.faults.invariants import assert_invariants
from tests.faults.processes import Cluster, Process
from tests.faults.proxy import Proxy
from tests.faults.scene import Scene, scene_of
from tests.workflows.plans import LONG, component, steps

FLAGS = ("search", "errors")
LIVE = PhasePlan(name="live", components=tuple(component(name, ramp=steps(50, 100, hold=LONG)) for name in FLAGS))
DONE = PhasePlan(name="done", components=(component("done", ramp=steps(100)),))
VALIDITY = 5_000_000_000  # ns from the beginning of a replica's last good read
WATCHED_SECONDS = 2.0  # how long the clients go on after the answer, and again after everything is well


class Stopping:
    """Two replicas, the second behind a proxy, and three clients: the first asks the first replica, the others it."""

    def __init__(self, scene: Scene, proxy: Proxy) -> None:
        self.scene, self.proxy = scene, proxy
        self.clients: list[Process] = []
        self.undo: list[Callable[[], None]] = []

    async def open(self, flags: tuple[str, ...], *options: str) -> None:
        """Start replicas and clients; each client has been given candidate when this returns."""
        await self.scene.open("one")
        await self.scene.open("two", DATABASE_URL=self.proxy.database_url)
        for number in range(3):
            replica = self.scene.replicas[min(number, 1)]
            name = f"{self.scene.environment}-client-{number}"
            file = self.scene.cluster.home / f"{name}.trace"
            command = (sys.executable, "-m", "tests.faults.evaluator", replica.address, name, str(file), *flags)
            client = Process(name, (*command, *options), {"CROSSFADE_TOKEN": SDK}, file.with_suffix(".log"))
            self.scene.cluster.processes.append(client)
            client.start()
            self.clients.append(client)

        async def given() -> list[str]:
            assert all(client.is_running for client in self.clients), [client.said() for client in self.clients]
            return [client.said() for client in self.clients]

        everybody = "candidate\n"
        await self.scene.stage.until(
            "every client is given candidate", given, lambda seen: all(everybody in s for s in seen)
        )

    async def traces(self) -> list[Trace]:
        """Heal what is broken, go on for a while, end the clients, and read what they have written."""
        for heal in self.undo:
            heal()
        await asyncio.sleep(WATCHED_SECONDS)
        for client in self.clients:
            assert client.stop() == 0, client.said()
        return [read(client.log.with_suffix(".trace")) for client in self.clients]

    async def violations(self, answered: int) -> tuple[int, int]:
        """How many evaluations there were, and how many of those that began after the answer gave candidate."""
        traces = await self.traces()
        given = [began for trace in traces for began in trace.candidates()]
        assert min(given) < answered
        return sum(map(len, traces)), sum(began > answered for began in given)


async def all_healthy(stopping: Stopping) -> None:
    del stopping


async def replica_frozen(stopping: Stopping) -> None:
    replica = stopping.scene.replicas[1]
    replica.freeze()
    stopping.undo.append(replica.thaw)


async def link_cut(stopping: Stopping) -> None:
    def heal() -> None:
        stopping.proxy.mode = "pass"

    stopping.proxy.mode = "blackhole"
    stopping.undo.append(heal)


async def replica_killed(stopping: Stopping) -> None:
    replica = stopping.scene.replicas[1]
    replica.kill()
    stopping.undo.append(replica.start)


async def worker_down(stopping: Stopping) -> None:
    (worker,) = stopping.scene.workers
    worker.kill()
    stopping.undo.append(worker.start)


async def temporal_down(stopping: Stopping) -> None:
    stopping.scene.cluster.temporal.kill()
    stopping.undo.append(stopping.scene.cluster.start)


async def client_frozen(stopping: Stopping) -> None:
    client = stopping.clients[2]
    client.freeze()
    stopping.undo.append(client.thaw)


BREAK = (all_healthy, replica_frozen, link_cut, replica_killed, worker_down, temporal_down, client_frozen)


@asynccontextmanager
async def stopping_in(cluster: Cluster, *phases: PhasePlan) -> AsyncIterator[tuple[Stopping, UUID]]:
    """A migration whose flags serve half of the keys for an hour."""
    async with scene_of(cluster, "stop") as scene, Proxy.to_database(cluster.database_url) as proxy:
        scene.hire("a")
        migration = await scene.stage.start(*phases, policy=Policy(max_components_ramping=2))
        for name in FLAGS:
            await scene.stage.until_percentage(name, 50)
        yield Stopping(scene, proxy), migration


@pytest.mark.faults
@pytest.mark.parametrize("disturb", BREAK)
async def test_no_evaluation_that_begins_after_the_answer_gives_candidate(
    cluster: Cluster, disturb: Callable[[Stopping], Awaitable[None]]
) -> None:
    async with stopping_in(cluster, LIVE) as (stopping, migration):
        scene = stopping.scene
        await stopping.open(FLAGS)
        await disturb(stopping)
        answer = await ordered(scene.replicas[0], "emergency-stop", str(uuid4()), reason="fire")
        answered = boot_nanoseconds()
        await asyncio.sleep(WATCHED_SECONDS)
        total, found = await stopping.violations(answered)
        proof = answer.json()
        took = proof.get("milliseconds")
        tell(f"{disturb.__name__}: {total} evaluations, {found} violations; answer after {took} ms")

        assert answer.status_code == httpx.codes.OK, answer.text
        assert found == 0
        for name in FLAGS:
            await scene.stage.until_component(migration, name, ComponentStatus.STOPPED)
            await scene.stage.until_rolled_back(name)
        assert await scene.stage.status(migration) is MigrationStatus.FAILED
        await assert_invariants(scene)


@pytest.mark.faults
@pytest.mark.parametrize("disturb", [replica_frozen, link_cut])
async def test_clients_of_a_replica_that_cannot_read_serve_legacy_by_themselves(
    cluster: Cluster, disturb: Callable[[Stopping], Awaitable[None]]
) -> None:
    async with stopping_in(cluster, LIVE) as (stopping, _):
        await stopping.open(FLAGS)
        await disturb(stopping)
        ended = boot_nanoseconds() + VALIDITY
        await asyncio.sleep(VALIDITY / 1e9 + WATCHED_SECONDS)
        healed = boot_nanoseconds()
        first, *others = [[ended < began < healed for began in trace.candidates()] for trace in await stopping.traces()]
        tell(f"{disturb.__name__}, no stop: {sum(map(sum, others))} violations past the validity")

        assert any(first)
        assert not any(map(any, others))


@pytest.mark.faults
async def test_where_a_completed_flag_is_stopped_the_answer_names_who_may_still_serve_it(cluster: Cluster) -> None:
    live = PhasePlan(name=LIVE.name, components=LIVE.components, depends_on=("done",))
    async with stopping_in(cluster, DONE, live) as (stopping, _):
        await stopping.open((*FLAGS, "done"))
        await replica_frozen(stopping)
        answer = await ordered(stopping.scene.replicas[0], "emergency-stop", str(uuid4()), reason="fire")
        proof = answer.json()

        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        assert proof["mayStillServe"]["flags"] == ["done"]
        assert {client.name for client in stopping.clients[1:]} <= set(proof["mayStillServe"]["clients"])
        assert stopping.clients[0].name not in proof["mayStillServe"]["clients"]
        for heal in stopping.undo:
            heal()
        key = str(uuid4())
        deadline = time.monotonic() + 60
        while answer.status_code != httpx.codes.OK:
            assert time.monotonic() < deadline, answer.text
            answer = await ordered(stopping.scene.replicas[0], "emergency-stop", key, reason="fire")
        answered = boot_nanoseconds()
        total, found = await stopping.violations(answered)
        tell(f"completed flag, replica frozen: 202, then 200; {total} evaluations, {found} violations")
        assert found == 0


@pytest.mark.faults
async def test_the_twin_without_fence_and_lease_serves_candidate_after_its_answer(cluster: Cluster) -> None:
    async with stopping_in(cluster, LIVE) as (stopping, _):
        await stopping.open(FLAGS, "--endless")
        await replica_frozen(stopping)
        async with stopping.scene.engine.begin() as connection:
            await store.stops.stop(
                connection,
                environment=stopping.scene.environment,
                migration_id=None,
                actor="ann",
                reason="acknowledged when it is recorded",
            )
        answered = boot_nanoseconds()
        await asyncio.sleep(WATCHED_SECONDS)
        total, found = await stopping.violations(answered)
        tell(f"twin without fence and lease: {total} evaluations, {found} violations")
        assert found > 0
