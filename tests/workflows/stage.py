"""What a workflow test sets up, does and waits for."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowHandle

import store.components
import store.flags
import store.metrics
import store.migrations
import store.phases
import store.rollbacks
from crossfade.flags import Flag
from crossfade.plan.resolved import ComponentPlan, PhasePlan, Plan, Policy
from crossfade.states import ComponentStatus, MigrationStatus
from crossfade.wire import Batch, Summary
from store.identifiers import uuid7
from workflows.messages import RolloutState, migration_id, rollout_id
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
            await asyncio.sleep(0.1)

    async def send(self, summaries: list[Summary]) -> None:
        """Send one batch."""
        batch = Batch(batchId=str(uuid7()), client="test", sentAt=time.time(), summaries=tuple(summaries))
        digest = hashlib.sha256(batch.batchId.encode()).hexdigest()
        async with self.engine.begin() as connection:
            await store.metrics.ingest(
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
class Stage:
    """One environment with its worker."""

    engine: AsyncEngine
    client: Client
    environment: str
    task_queue: str
    targets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.traffic = Traffic(self.engine, self.environment)

    async def start(self, *phases: PhasePlan, policy: Policy | None = None, name: str = "test") -> UUID:
        """Start a migration as the API does."""
        plan = Plan(name=name, environment=self.environment, phases=phases, policy=policy or Policy())
        async with self.engine.begin() as connection:
            migration = await store.migrations.create(connection, plan=plan, text="test", actor="ann")
        return migration.id

    async def start_one(self, component: ComponentPlan) -> UUID:
        """Start a migration of one phase with one component."""
        return await self.start(PhasePlan(name="first", components=(component,)))

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
            value = await read()
            if holds(value):
                return value
            assert time.monotonic() < deadline, f"never: {what}; last seen: {value}"
            await asyncio.sleep(0.05)

    async def until_status(self, migration: UUID, status: MigrationStatus) -> None:
        """Wait for the migration's status."""
        await self.until(f"migration {status}", lambda: self.status(migration), lambda seen: seen is status)

    async def until_percentage(self, component: str, percentage: int) -> None:
        """Wait for the flag to serve a percentage."""

        async def served() -> Decimal:
            return (await self.flag(component)).served_percentage

        await self.until(f"{component} at {percentage} %", served, lambda seen: seen == percentage)

    async def until_waiting(self, migration: UUID, component: str, words: str) -> None:
        """Wait until a component says that it waits for something."""
        await self.until(
            f"{component} waiting for {words}",
            lambda: self.waiting_for(migration, component),
            lambda seen: words in seen,
        )
