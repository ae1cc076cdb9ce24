"""What a workflow test sets up, does and waits for."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle, WorkflowUpdateFailedError

import store.components
import store.flags
import store.inter_phase
import store.metrics
import store.migrations
import store.outbox
import store.phases
import store.rollbacks
import store.runs
import store.stops
import store.validations
from crossfade.flags import Flag
from crossfade.plan.resolved import ComponentPlan, PhasePlan, Plan, Policy
from crossfade.states import ComponentStatus, MigrationStatus, PhaseStatus, RollbackTrigger, RunState
from crossfade.wire import Batch, Summary
from store.identifiers import uuid7
from store.inter_phase import CheckRow
from store.metrics import IngestResult
from store.rollbacks import Rollback
from store.validations import Checkpoint
from workflows.messages import RolloutState, migration_id, phase_id, rollout_id
from workflows.phase import Phase
from workflows.rollout import Rollout

T = TypeVar("T")
PATIENCE = 40.0  # seconds after which a condition that never came fails the test


@dataclass
class Traffic:
    """Plays the clients: samples of every live flag, at the revision that is served."""

    engine: AsyncEngine
    environment: str
    failing: set[str] = field(default_factory=set)
    differing: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)

    async def flow(self) -> None:
        """Send until cancelled."""
        while True:
            await self.flow_once()
            await asyncio.sleep(0.1)

    async def flow_once(self) -> None:
        """Send one batch of what is served now, if anything is."""
        async with self.engine.begin() as connection:
            snapshot = await store.flags.snapshot(connection, self.environment)
        summaries = [
            summary
            for flag in snapshot.flags
            if flag.is_live and flag.name not in self.silent
            for summary in self.summaries(flag)
        ]
        if summaries:
            await self.send(summaries)

    async def send(self, summaries: list[Summary]) -> None:
        """Send one batch."""
        await self.deliver(batch_of(summaries))

    async def deliver(self, batch: Batch) -> IngestResult:
        """Hand a batch in; one that was handed in before counts no second time."""
        digest = hashlib.sha256(batch.batchId.encode()).hexdigest()
        async with self.engine.begin() as connection:
            return await store.metrics.ingest(
                connection, environment=self.environment, batch=batch, digest=digest, now=datetime.now(UTC)
            )

    def summaries(self, flag: Flag) -> list[Summary]:
        """Give 20 requests of each variant that serves, and 30 comparisons where they are asked for."""
        served = flag.served_percentage
        variants = [name for name, on in (("legacy", served < 100), ("candidate", served > 0)) if on]
        summaries = [item for variant in variants for item in self._requests(flag, variant)]
        if flag.shadow_share:
            different = 10 if flag.name in self.differing else 0
            for metric, count in (("comparisons", 30), ("mismatches", different)):
                summaries.append(_summary(flag, "legacy", metric, count))
        return [summary for summary in summaries if summary.count]

    def _requests(self, flag: Flag, variant: str) -> list[Summary]:
        errors = 10 if variant == "candidate" and flag.name in self.failing else 0
        histogram = _summary(flag, variant, "responseTime", 20, mean=20.0, min=20.0, max=20.0, histogram=((150, 20),))
        return [_summary(flag, variant, "requests", 20), _summary(flag, variant, "errors", errors), histogram]


def batch_of(summaries: list[Summary]) -> Batch:
    """Give a batch under an id of its own."""
    return Batch(batchId=str(uuid7()), client="test", sentAt=time.time(), summaries=tuple(summaries))


def _summary(flag: Flag, variant: str, metric: str, count: int, **more: object) -> Summary:
    bucket = int(time.time()) // 10 * 10
    return Summary(
        component=flag.name,
        variant="candidate" if variant == "candidate" else "legacy",
        revision=flag.revision,
        metric=metric,
        bucket=bucket,
        count=count,
        **more,  # type: ignore[arg-type]  # the distribution's own fields
    )


@dataclass
class Answer:
    """What a self-check answers, as soon as it is `given`; at once unless a test clears that."""

    status: int = 200
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    given: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Company:
    """What all tests share: the worker's engine, client and targets."""

    engine: AsyncEngine
    client: Client
    targets: dict[str, str] = field(default_factory=dict)


class Stage:
    """One environment, and what a test does and sees in it."""

    def __init__(self, company: Company, environment: str) -> None:
        self.engine, self.client, self.targets = company.engine, company.client, company.targets
        self.environment = environment
        self.traffic = Traffic(company.engine, environment)

    async def start(
        self, *phases: PhasePlan, policy: Policy | None = None, name: str = "test", is_started: bool = True
    ) -> UUID:
        """Start a migration as the API does; one that is not started has its rows but no workflow."""
        plan = Plan(name=name, environment=self.environment, phases=phases, policy=policy or Policy())
        async with self.engine.begin() as connection:
            migration = await store.migrations.create(connection, plan=plan, text="test", actor="ann")
            if not is_started:
                await store.outbox.withdraw(connection, workflow_ids=[migration.workflow_id], name="Migration")
        return migration.id

    async def start_one(self, component: ComponentPlan) -> UUID:
        """Start a migration of one phase with one component."""
        return await self.start(PhasePlan(name="first", components=(component,)))

    async def start_phase(self, *components: ComponentPlan, policy: Policy | None = None) -> UUID:
        """Start a migration of one phase."""
        return await self.start(PhasePlan(name="first", components=components), policy=policy)

    async def stop(self, reason: str) -> None:
        """Stop every migration of the environment, one by one."""
        async with self.engine.begin() as connection:
            for migration in await store.migrations.live(connection, self.environment):
                await store.stops.stop(
                    connection, environment=self.environment, migration_id=migration.id, actor="ann", reason=reason
                )

    async def stop_one(self, migration: UUID) -> None:
        """Stop one migration, also one that has just ended."""
        async with self.engine.begin() as connection:
            await store.stops.stop(
                connection, environment=self.environment, migration_id=migration, actor="ann", reason="fire"
            )

    async def lower(self, component: str, percentage: int) -> None:
        """Lower a live run as the API does."""
        async with self.engine.begin() as connection:
            await store.runs.lower(
                connection,
                environment=self.environment,
                component=component,
                percentage=Decimal(percentage),
                actor="ann",
                reason="careful",
            )

    async def begin_rollback(self, component: str, trigger: RollbackTrigger = RollbackTrigger.MANUAL) -> Rollback:
        """Roll back as the API or, by a threshold, as the monitor does."""
        async with self.engine.begin() as connection:
            return await store.rollbacks.begin(
                connection,
                environment=self.environment,
                component=component,
                trigger=trigger,
                actor="ann",
                reason="enough",
                evidence={},
            )

    @asynccontextmanager
    async def self_check(self) -> AsyncIterator["Answer"]:
        """Serve the plan's target `app-selfcheck` with an answer that the test chooses."""
        answer = Answer()
        answer.given.set()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            answer.asked.set()
            await answer.given.wait()
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % answer.status)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            self.targets["app-selfcheck"] = f"http://127.0.0.1:{port}/selfcheck"
            yield answer

    def phase(self, name: str, migration: str = "test") -> WorkflowHandle[Phase, object]:
        """Give the handle that a person would use."""
        return self.client.get_workflow_handle_for(Phase.run, phase_id(self.environment, migration, name))

    def rollout(self, component: str) -> WorkflowHandle[Rollout, object]:
        """Give the handle that a person would use."""
        return self.client.get_workflow_handle_for(Rollout.run, rollout_id(self.environment, component))

    def migration(self, name: str = "test") -> WorkflowHandle[object, object]:
        """Give the handle that a person would use."""
        return self.client.get_workflow_handle(migration_id(self.environment, name))

    async def state(self, component: str) -> RolloutState:
        """Query the rollout."""
        return await self.rollout(component).query(Rollout.current_state)

    async def flag(self, name: str) -> Flag:
        """Read the flag."""
        async with self.engine.begin() as connection:
            return await store.flags.get(connection, environment=self.environment, name=name)

    async def status(self, migration: UUID) -> MigrationStatus:
        """Read the migration's status."""
        async with self.engine.begin() as connection:
            return (await store.migrations.get(connection, migration)).status

    async def components(self, migration: UUID) -> dict[str, ComponentStatus]:
        """Read the components' statuses."""
        async with self.engine.begin() as connection:
            parts = await store.components.list(connection, migration_id=migration)
        return {part.name: part.status for part in parts}

    async def waiting_for(self, migration: UUID, component: str) -> str:
        """Read what a component waits for."""
        async with self.engine.begin() as connection:
            parts = await store.components.list(connection, migration_id=migration)
        return next(part.waiting_for or "" for part in parts if part.name == component)

    async def phases(self, migration: UUID) -> tuple[store.phases.Phase, ...]:
        """Read the phases."""
        async with self.engine.begin() as connection:
            return await store.phases.list(connection, migration_id=migration)

    async def rollbacks(self, component: str) -> tuple[Rollback, ...]:
        """Read a component's rollbacks."""
        async with self.engine.begin() as connection:
            return await store.rollbacks.list(connection, environment=self.environment, component=component)

    async def checkpoints(self, component: str) -> tuple[Checkpoint, ...]:
        """Read a component's validations."""
        async with self.engine.begin() as connection:
            return await store.validations.list(connection, environment=self.environment, component=component)

    async def gate_checks(self, migration: UUID) -> tuple[CheckRow, ...]:
        """Read the inter-phase validations, the newest first."""
        async with self.engine.begin() as connection:
            return await store.inter_phase.list(connection, migration_id=migration)

    async def run_state(self, component: str) -> RunState:
        """Read the state of the newest run."""
        async with self.engine.begin() as connection:
            run = await store.runs.latest(connection, environment=self.environment, component=component)
        assert run is not None
        return run.state

    async def live_runs(self) -> list[str]:
        """Read which components have a live run."""
        async with self.engine.begin() as connection:
            return [run.component for run in await store.runs.live(connection, self.environment)]

    async def actions(self) -> list[str]:
        """Read the audited actions, oldest first."""
        query = text("select action from audit_log where environment = :environment order by sequence")
        async with self.engine.begin() as connection:
            return [row[0] for row in await connection.execute(query, {"environment": self.environment})]

    async def audited(self) -> list[tuple[str, str, str]]:
        """Read what was done, by whom and why, oldest first."""
        query = text("select action, actor, reason from audit_log where environment = :environment order by sequence")
        async with self.engine.begin() as connection:
            rows = await connection.execute(query, {"environment": self.environment})
            return [(row.action, row.actor, row.reason) for row in rows]

    async def percentages(self, component: str) -> list[Decimal]:
        """Give the served percentages that the flag's revisions went through, without repetitions."""
        query = text(
            "select (definition->>'percentage')::numeric from flag_revisions"
            " where environment = :environment and name = :name order by revision"
        )
        async with self.engine.begin() as connection:
            rows = await connection.execute(query, {"environment": self.environment, "name": component})
            values = [row[0] for row in rows]
        return [value for number, value in enumerate(values) if number == 0 or values[number - 1] != value]

    async def until(self, what: str, read: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
        """Wait for a condition and give the value that met it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            async with asyncio.timeout(PATIENCE):  # a call to Temporal alone would wait for ever
                value = await read()
            if holds(value):
                return value
            assert time.monotonic() < deadline, f"never: {what}; last seen: {value}"
            await asyncio.sleep(0.05)

    async def until_history(self, component: str, words: str) -> None:
        """Wait until a rollout says that something has happened."""
        await self.until(
            f"{component}: {words}",
            lambda: self.rollout(component).query(Rollout.history),
            lambda seen: any(words in event for event in seen),
        )

    async def until_signalled(self, handle: WorkflowHandle[Phase, object], name: str) -> None:
        """Wait until a workflow has been sent this signal."""

        async def signals() -> list[str]:
            events = (await handle.fetch_history()).events
            return [event.workflow_execution_signaled_event_attributes.signal_name for event in events]

        await self.until(f"the signal {name}", signals, lambda seen: name in seen)

    async def until_ended(self, migration: str) -> None:
        """Wait until the workflow of a migration has ended, and with it its phases and rollouts."""

        async def status() -> WorkflowExecutionStatus | None:
            return (await self.migration(migration).describe()).status

        await self.until(f"{migration} ended", status, lambda seen: seen is not WorkflowExecutionStatus.RUNNING)

    async def until_update(self, handle: WorkflowHandle[Phase, object], update: object, order: object) -> str:
        """Repeat an order to a phase until it has heard the news that the order needs."""

        async def attempt() -> str | None:
            try:
                return str(await handle.execute_update(update, order))  # type: ignore[call-overload]  # one of several
            except WorkflowUpdateFailedError:
                return None

        return await self.until("the order is taken", attempt, lambda answer: answer is not None) or ""

    async def until_status(self, migration: UUID, status: MigrationStatus) -> None:
        """Wait for the migration's status."""
        await self.until(f"migration {status}", lambda: self.status(migration), lambda seen: seen is status)

    async def until_component(self, migration: UUID, component: str, status: ComponentStatus) -> None:
        """Wait for a component's status."""

        async def read() -> ComponentStatus:
            return (await self.components(migration))[component]

        await self.until(f"{component} {status}", read, lambda seen: seen is status)

    async def until_phase(self, migration: UUID, phase: str, status: PhaseStatus) -> None:
        """Wait for a phase's status."""

        async def read() -> PhaseStatus:
            return next(each.status for each in await self.phases(migration) if each.name == phase)

        await self.until(f"phase {phase} {status}", read, lambda seen: seen is status)

    async def until_seconds(self, seconds: int) -> None:
        """Wait until the monitor has ticked that long: time passes for the system, not for the clock alone."""

        async def ticks() -> datetime:
            async with self.engine.begin() as connection:
                query = text("select ticked_at from monitors where environment = :environment")
                ticked: datetime = (await connection.execute(query, {"environment": self.environment})).scalar_one()
                return ticked

        first = await ticks()
        await self.until(f"{seconds} s of ticks", ticks, lambda seen: seen - first >= timedelta(seconds=seconds))

    async def until_percentage(self, component: str, percentage: int) -> None:
        """Wait for the flag to serve a percentage."""

        async def served() -> Decimal | None:
            async with self.engine.begin() as connection:
                flag = await store.flags.find(connection, environment=self.environment, name=component)
            return flag.served_percentage if flag else None

        await self.until(f"{component} at {percentage} %", served, lambda seen: seen == percentage)

    async def until_waiting(self, migration: UUID, component: str, words: str) -> None:
        """Wait until a component says that it waits for something."""
        await self.until(
            f"{component} waiting for {words}",
            lambda: self.waiting_for(migration, component),
            lambda seen: words in seen,
        )

    async def until_waiting_only(self, migration: UUID, component: str, words: str) -> None:
        """Wait until a component says that it waits for this and nothing else."""
        await self.until(
            f"{component} waiting for {words} only",
            lambda: self.waiting_for(migration, component),
            lambda seen: seen == words,
        )
