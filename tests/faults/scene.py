"""An environment on the cluster: real workers and replicas, components in memory with steady traffic, its outcome."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from temporalio.service import RPCError

from crossfade.plan.resolved import PhasePlan
from crossfade.wire import Batch, Summary
from store.engine import create_engine
from tests.api.conftest import ADMIN, SDK
from tests.faults.processes import Api, Cluster, Process
from tests.workflows.plans import MOMENT, component, steps
from tests.workflows.stage import Company, Stage, Traffic, batch_of
from workflows.client import connect
from workflows.messages import monitor_id

T = TypeVar("T")
PATIENCE = 120.0
LOST = (OSError, TimeoutError, DBAPIError, PoolTimeout, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a database says that is away, going, or coming."""


def phases(hold: timedelta = MOMENT) -> tuple[PhasePlan, PhasePlan]:
    """Two phases of a component each; how long a step holds does not show in their outcome."""
    first = component("search", ramp=steps(10, 50, 100, hold=hold))
    second = component("errors", ramp=steps(10, 100, hold=hold))
    return (
        PhasePlan(name="first", components=(first,)),
        PhasePlan(name="second", depends_on=("first",), components=(second,)),
    )


PHASES = phases()
PUBLICATIONS = 5
"""How many percentages these phases serve."""

Outcome = Mapping[tuple[str, str], list[tuple[object, ...]]]


class Stubborn(Traffic):
    """Traffic whose batches are sent again until they are acknowledged; it remembers what was acknowledged."""

    def __init__(self, company: Company, environment: str) -> None:
        super().__init__(company.engine, environment)
        self.acknowledged: set[str] = set()
        self.counted: Counter[str] = Counter()
        self._is_ending = False
        self._has_ended = asyncio.Event()

    async def flow(self) -> None:
        """Send until the end, whatever happens to the database."""
        while not self._is_ending:
            with suppress(*LOST):
                await self.flow_once()
            await asyncio.sleep(0.1)
        self._has_ended.set()

    async def end(self) -> None:
        """Send no more; what is on its way is acknowledged."""
        self._is_ending = True
        await self._has_ended.wait()

    async def send(self, summaries: list[Summary]) -> None:
        """Send one batch until it is acknowledged."""
        batch = batch_of(summaries)
        while batch.batchId not in self.acknowledged:
            try:
                result = await self.deliver(batch)
            except LOST:
                await asyncio.sleep(0.1)
                continue
            self.remember(batch, {drop.index for drop in result.dropped})

    def remember(self, batch: Batch, dropped: set[int]) -> None:
        """Note what a batch was told to have been counted."""
        self.acknowledged.add(batch.batchId)
        for index, summary in enumerate(batch.summaries):
            if index not in dropped:
                self.counted[summary.metric] += summary.count


class PatientStage(Stage):
    """A stage that goes on looking while the database is away."""

    async def until(self, what: str, read: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
        """Wait for a condition and give the value that met it."""
        seen: list[T] = []
        try:
            async with asyncio.timeout(PATIENCE):
                while not (seen and holds(seen[-1])):
                    with suppress(*LOST, RPCError):
                        seen = [await read()]
                        if holds(seen[-1]):
                            break
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"never: {what}; last seen: {seen}") from None
        return seen[-1]

    async def until_has_served(self, component: str, percentage: int) -> None:
        """Wait until a percentage has been served, be it over by now."""

        async def served() -> list[Decimal]:
            return await self.percentages(component)

        await self.until(f"{component} has been at {percentage} %", served, lambda seen: Decimal(percentage) in seen)

    async def until_rolled_back(self, component: str) -> None:
        """Wait until the steps of the component's rollback have ended."""

        async def states() -> list[str]:
            return [rollback.state.value for rollback in await self.rollbacks(component)]

        await self.until(f"{component} is rolled back", states, lambda seen: seen == ["completed"])


class Scene:
    """What a fault test breaks, and what it looks at afterwards."""

    def __init__(self, cluster: Cluster, company: Company, environment: str) -> None:
        self.cluster, self.environment = cluster, environment
        self.company = company
        self.engine, self.client = company.engine, company.client
        self.stage = PatientStage(company, environment)
        self.traffic = Stubborn(company, environment)
        self._flowing: asyncio.Task[None] | None = None
        self.workers: list[Process] = []
        self.replicas: list[Api] = []
        self.failpoints = cluster.home / f"{environment}.failpoints"
        self.failpoints.mkdir()

    def play(self, traffic: Stubborn) -> None:
        """Let this traffic flow, instead of what has flown before."""
        if self._flowing is not None:
            self._flowing.cancel()
        self.traffic = self.stage.traffic = traffic
        self._flowing = asyncio.create_task(traffic.flow())

    async def silence(self) -> None:
        """Cut the traffic off."""
        if self._flowing is not None:
            self._flowing.cancel()
            with suppress(asyncio.CancelledError):
                await self._flowing

    def hire(self, *names: str, script: str = "worker.py", **environment: str) -> None:
        """Start workers that obey the failpoints of this scene."""
        obeying = {"CROSSFADE_FAILPOINTS": str(self.failpoints), "CROSSFADE_TESTING": "1"}
        for name in names:
            own = {**self._own(), **obeying, "CROSSFADE_TARGETS": "{}", **environment}
            worker = self.cluster.worker(f"{self.environment}-{name}", own, script=script)
            worker.start()
            self.workers.append(worker)

    async def open(self, *names: str, **environment: str) -> None:
        """Start replicas and wait until each serves."""
        for name in names:
            tokens = {"CROSSFADE_ADMIN_TOKEN": ADMIN, "CROSSFADE_SDK_TOKEN": SDK}
            replica = self.cluster.api(f"{self.environment}-{name}", {**self._own(), **tokens, **environment})
            replica.start()
            self.replicas.append(replica)
            await replica.until_ready()

    def arm(self, point: str) -> None:
        """Arm a failpoint, such as `rollout.publish:after:2:kill`."""
        (self.failpoints / point).touch()

    def fired(self) -> dict[str, Path]:
        """The failpoints that have fired; the file holds the pid, its time is that of the fault."""
        found = (path for path in self.failpoints.glob("*.spent") if path.read_text())
        return {path.name.removesuffix(".spent"): path for path in found}

    async def until_fired(self, point: str) -> int:
        """Wait for a failpoint; the pid of the worker that it has hit."""

        async def look() -> dict[str, Path]:
            return self.fired()

        fired = await self.stage.until(f"{point} fired", look, lambda seen: point in seen)
        return int(fired[point].read_text())

    @asynccontextmanager
    async def attended(self) -> AsyncIterator[None]:
        """For as long as it lasts, every worker that has ended is started again."""
        attendant = asyncio.create_task(self._attend())
        try:
            yield
        finally:
            attendant.cancel()

    async def outcome(self) -> Outcome:
        """What the audit says of percentage, step, phase and completion, by aggregate."""
        query = text(
            "select kind, key, action, step, before->>'percentage', after->>'percentage', after->>'enabled',"
            " before->>'status', after->>'status', before->>'state', after->>'state' from audit_log"
            " where environment = :environment and kind in ('migration', 'phase', 'component', 'run', 'flag')"
            " order by sequence"
        )
        said: dict[tuple[str, str], list[tuple[object, ...]]] = {}
        async with self.engine.begin() as connection:
            for row in await connection.execute(query, {"environment": self.environment}):
                said.setdefault((row[0], row[1]), []).append(tuple(row[2:]))
        return said

    def _own(self) -> dict[str, str]:
        return {"CROSSFADE_ENVIRONMENT": self.environment}

    async def _attend(self) -> None:
        while True:
            for worker in self.workers:
                if not worker.is_running:
                    worker.start()
            await asyncio.sleep(0.05)


@asynccontextmanager
async def scene_of(cluster: Cluster, name: str) -> AsyncIterator[Scene]:
    """A scene with its traffic; at its end nothing of it runs and the cluster is whole."""
    cluster.start()
    environment = f"{name}-{uuid4().hex[:6]}"
    address = {"TEMPORAL_ADDRESS": cluster.temporal_address, "TEMPORAL_CONFIG_FILE": os.devnull}
    async with asyncio.timeout(30):
        client = await connect(address, lazy=False)
    engine = create_engine(cluster.database_url)
    scene = Scene(cluster, Company(engine=engine, client=client), environment)
    scene.play(scene.traffic)
    try:
        yield scene
    finally:
        await scene.silence()
        cluster.end_processes()
        for workflow in (monitor_id(environment), scene.stage.migration().id):
            with suppress(RPCError):
                await client.get_workflow_handle(workflow).terminate(rpc_timeout=timedelta(seconds=10))
        await engine.dispose()
