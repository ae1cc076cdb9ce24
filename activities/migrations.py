"""What a migration and its phases do to Postgres: their plan, their states, and the stop."""

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from temporalio import activity

import store.components
import store.control
import store.migrations
import store.phases
import store.retirements
import store.runs
import store.stops
from activities.refusals import final
from activities.rollouts import ACTOR
from crossfade.plan.resolved import Plan
from crossfade.states import ComponentStatus, MigrationStatus, PhaseStatus
from store.engine import AsyncEngine

DECIDED: Final = {
    ComponentStatus.SKIPPED: ComponentStatus.SKIPPED,
    ComponentStatus.ROLLING_BACK: ComponentStatus.ROLLED_BACK,
    ComponentStatus.ROLLED_BACK: ComponentStatus.ROLLED_BACK,
    ComponentStatus.STOPPED: ComponentStatus.STOPPED,
}
"""Where a component stands for a workflow that takes it up again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedMigration:
    """A migration's plan and where it stands.

    Attributes:
        settled: components that are complete, from an earlier migration or before the workflow was gone.
        phases: where each phase stands.
        decided: components that were skipped or have gone back.
        attempts: how many runs each component that has gone back has had.
    """

    plan: Plan
    status: MigrationStatus
    settled: tuple[str, ...] = ()
    phases: dict[str, PhaseStatus] = field(default_factory=dict)
    decided: dict[str, ComponentStatus] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMigration:
    """A migration's new status."""

    migration_id: str
    status: MigrationStatus
    reason: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPhase:
    """A phase's new status."""

    migration_id: str
    phase: str
    status: PhaseStatus
    reason: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetComponent:
    """A component's new status by a person's order."""

    migration_id: str
    component: str
    status: ComponentStatus
    actor: str
    reason: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOrder:
    """A person's order to a migration, or to one of its phases, for the audit."""

    migration_id: str
    action: str
    actor: str
    reason: str
    effect: str
    phase: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire:
    """Says that a complete component's legacy code is gone."""

    environment: str
    component: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Stops a whole migration."""

    environment: str
    migration_id: str
    actor: str
    reason: str


class MigrationActivities:
    """The activities of `workflows.migration` and `workflows.phase`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @activity.defn(name="migration.load")
    @final
    async def load(self, migration_id: str) -> LoadedMigration:
        """Read the plan."""
        async with self.engine.begin() as connection:
            migration = await store.migrations.get(connection, UUID(migration_id))
            components = await store.components.list(connection, migration_id=migration.id)
            phases = await store.phases.list(connection, migration_id=migration.id)
            decided = {part.name: DECIDED[part.status] for part in components if part.status in DECIDED}
            attempts = {
                name: await store.runs.attempts(connection, migration_id=migration.id, component=name)
                for name in decided
            }
        return LoadedMigration(
            plan=migration.plan,
            status=migration.status,
            settled=tuple(part.name for part in components if part.status is ComponentStatus.COMPLETED),
            phases={phase.name: phase.status for phase in phases},
            decided=decided,
            attempts=attempts,
        )

    @activity.defn(name="migration.set_status")
    @final
    async def set_status(self, change: SetMigration) -> None:
        """Write a migration's status."""
        async with self.engine.begin() as connection:
            await store.migrations.set_status(
                connection,
                migration_id=UUID(change.migration_id),
                status=change.status,
                actor=ACTOR,
                reason=change.reason,
                effect=change.effect,
            )

    @activity.defn(name="migration.set_phase")
    @final
    async def set_phase(self, change: SetPhase) -> None:
        """Write a phase's status."""
        async with self.engine.begin() as connection:
            await store.phases.set_status(
                connection,
                migration_id=UUID(change.migration_id),
                name=change.phase,
                status=change.status,
                actor=ACTOR,
                reason=change.reason,
                effect=change.effect,
            )

    @activity.defn(name="migration.set_component")
    @final
    async def set_component(self, change: SetComponent) -> None:
        """Write a component's status."""
        async with self.engine.begin() as connection:
            await store.components.set_status(
                connection,
                migration_id=UUID(change.migration_id),
                name=change.component,
                status=change.status,
                actor=change.actor,
                reason=change.reason,
                effect=change.effect,
                waiting_for="",
            )

    @activity.defn(name="migration.record")
    @final
    async def record(self, order: RecordOrder) -> None:
        """Write a person's order into the audit, once."""
        words = {"actor": order.actor, "reason": order.reason, "effect": order.effect}
        migration_id = UUID(order.migration_id)
        async with self.engine.begin() as connection:
            if order.phase is None:
                await store.migrations.record(connection, migration_id=migration_id, action=order.action, **words)
                return
            await store.phases.record(
                connection, migration_id=migration_id, name=order.phase, action=order.action, **words
            )

    @activity.defn(name="migration.retire")
    @final
    async def retire(self, order: Retire) -> None:
        """Retire a component; NotComplete refuses."""
        async with self.engine.begin() as connection:
            await store.retirements.retire(
                connection,
                environment=order.environment,
                component=order.component,
                actor=order.actor,
                reason=order.reason,
            )

    @activity.defn(name="migration.stop")
    @final
    async def stop(self, order: Stop) -> None:
        """Stop in Postgres; a migration that is stopped already stays as it is."""
        async with self.engine.begin() as connection:
            await store.control.lock(connection, order.environment)
            migration = await store.migrations.get(connection, UUID(order.migration_id))
            if migration.status.is_live:
                await store.stops.stop(
                    connection,
                    environment=order.environment,
                    migration_id=migration.id,
                    actor=order.actor,
                    reason=order.reason,
                )
