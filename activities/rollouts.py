"""What a rollout does to Postgres. Every write is fenced by the run's epoch and keyed by its effect."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from temporalio import activity

import store.components
import store.rollbacks
import store.runs
from activities.confirmations import LOOK, Confirmations
from activities.pulse import pulse
from activities.refusals import final
from crossfade.plan.resolved import ComponentPlan
from crossfade.states import ComponentStatus, RunState
from store.engine import AsyncEngine

ACTOR: Final = "crossfade"
VALIDITY: Final = 5.0  # seconds after which a client that has not asked again serves legacy by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRef:
    """A run and the epoch that its writers carry."""

    run_id: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginRun:
    """Begins a run of a component at 0 %."""

    environment: str
    migration_id: str
    phase: str
    component: ComponentPlan
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The run that began."""

    run_id: str
    epoch: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Serves a percentage; `require_reading` refuses without a fresh passing reading of the current step.

    One set by hand is refused where the flag has another `revision` than the one that is given.
    """

    run: RunRef
    step: int
    percentage: Decimal
    actor: str
    reason: str
    effect: str
    require_reading: bool = True
    revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The revision that serves it."""

    revision: int
    percentage: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A revision that the clients shall serve."""

    environment: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a component is and waits for; with an effect, its status changes and is audited."""

    migration_id: str
    component: str
    status: ComponentStatus
    waits_for: str
    effect: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A person's order to a run, for the audit."""

    run: RunRef
    step: int
    action: str
    actor: str
    reason: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """What Postgres says of a run; `rollback_id` when it is on its way back."""

    state: RunState
    percentage: Decimal
    rollback_id: str | None = None
    reason: str = ""


class RolloutActivities:
    """The activities of `workflows.rollout`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.confirmations = Confirmations(engine)

    @activity.defn(name="rollout.begin")
    @final
    async def begin(self, order: BeginRun) -> Begun:
        """Begin the run; ComponentIsLive or Stopped refuses."""
        async with self.engine.begin() as connection:
            run = await store.runs.begin(
                connection,
                environment=order.environment,
                component=order.component.name,
                migration_id=UUID(order.migration_id),
                phase=order.phase,
                plan=order.component,
                actor=ACTOR,
                effect=order.effect,
            )
        return Begun(run_id=str(run.id), epoch=run.epoch, attempt=run.attempt)

    @activity.defn(name="rollout.publish")
    @final
    async def publish(self, order: Publish) -> Published:
        """Serve the step's percentage; Fenced, Stopped or StaleReading refuses."""
        async with self.engine.begin() as connection:
            published = await store.runs.publish_step(
                connection,
                run_id=UUID(order.run.run_id),
                epoch=order.run.epoch,
                step=order.step,
                percentage=order.percentage,
                actor=order.actor,
                reason=order.reason,
                effect=order.effect,
                require_reading=order.require_reading,
            )
        return Published(revision=published.revision, percentage=published.percentage)

    @activity.defn(name="rollout.set_percentage")
    @final
    async def set_percentage(self, order: Publish) -> Published:
        """Serve a percentage set by hand and hold there; Fenced, Stopped or PreconditionFailed refuses."""
        async with self.engine.begin() as connection:
            published = await store.runs.set_percentage(
                connection,
                run_id=UUID(order.run.run_id),
                epoch=order.run.epoch,
                percentage=order.percentage,
                actor=order.actor,
                reason=order.reason,
                effect=order.effect,
                revision=order.revision,
            )
        return Published(revision=published.revision, percentage=published.percentage)

    @activity.defn(name="rollout.resume")
    @final
    async def resume(self, order: Publish) -> Published:
        """Re-enter the ramp at a step after a percentage by hand."""
        async with self.engine.begin() as connection:
            published = await store.runs.resume(
                connection,
                run_id=UUID(order.run.run_id),
                epoch=order.run.epoch,
                step=order.step,
                percentage=order.percentage,
                actor=order.actor,
                effect=order.effect,
            )
        return Published(revision=published.revision, percentage=published.percentage)

    @activity.defn(name="rollout.bake")
    @final
    async def bake(self, order: Publish) -> None:
        """Begin the watch after 100 %."""
        async with self.engine.begin() as connection:
            await store.runs.bake(
                connection,
                run_id=UUID(order.run.run_id),
                epoch=order.run.epoch,
                actor=order.actor,
                effect=order.effect,
            )

    @activity.defn(name="rollout.complete")
    @final
    async def complete(self, order: Publish) -> None:
        """End the run: candidate serves everybody from now on."""
        async with self.engine.begin() as connection:
            await store.runs.complete(
                connection,
                run_id=UUID(order.run.run_id),
                epoch=order.run.epoch,
                actor=order.actor,
                effect=order.effect,
            )

    @activity.defn(name="rollout.await_confirmation")
    async def await_confirmation(self, order: Confirmation) -> None:
        """Return once every client seen lately serves the revision, or its validity has ended."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + VALIDITY
        async with pulse():
            while loop.time() < deadline:
                if not await self.confirmations.is_behind(order.environment, order.revision):
                    return
                await asyncio.sleep(LOOK)

    @activity.defn(name="rollout.note")
    @final
    async def note(self, order: Note) -> None:
        """Show what the component waits for."""
        async with self.engine.begin() as connection:
            if order.effect is None:
                await store.components.note(
                    connection,
                    migration_id=UUID(order.migration_id),
                    name=order.component,
                    waiting_for=order.waits_for,
                )
                return
            await store.components.set_status(
                connection,
                migration_id=UUID(order.migration_id),
                name=order.component,
                status=order.status,
                actor=ACTOR,
                reason="",
                effect=order.effect,
                waiting_for=order.waits_for,
            )

    @activity.defn(name="rollout.record")
    @final
    async def record(self, order: Order) -> None:
        """Write a person's order into the audit."""
        async with self.engine.begin() as connection:
            await store.runs.record(
                connection,
                run_id=UUID(order.run.run_id),
                action=order.action,
                step=order.step,
                actor=order.actor,
                reason=order.reason,
                effect=order.effect,
            )

    @activity.defn(name="rollout.look")
    @final
    async def look(self, run: RunRef) -> RunView:
        """Say what Postgres says of the run."""
        async with self.engine.begin() as connection:
            found = await store.runs.get(connection, UUID(run.run_id))
            rollback = await store.rollbacks.of_run(connection, run_id=found.id)
        return RunView(
            state=found.state,
            percentage=found.percentage,
            rollback_id=str(rollback.id) if rollback else None,
            reason=rollback.reason if rollback else "",
        )
