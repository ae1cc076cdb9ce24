"""The steps of a rollback. The failover itself is one transaction of `store.rollbacks.begin`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from pydantic import JsonValue
from temporalio import activity

import store.alerts
import store.clients
import store.flags
import store.outbox
import store.recent
import store.rollbacks
import store.totals
from activities.pulse import pulse
from activities.refusals import final
from activities.rollouts import RunRef
from crossfade.states import RollbackState, RollbackTrigger, RunState, Severity, Variant
from store.engine import AsyncConnection, AsyncEngine
from store.rollbacks import Rollback

LOOK: Final = 0.2  # seconds between looks while a step waits
CONFIRMED_WITHIN: Final = 6.0  # seconds; a client that has not asked for 5 s serves legacy by itself
DRAINED_WITHIN: Final = 10.0  # seconds that candidate's open connections get to end


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginRollback:
    """Takes a component back; without a run, its latest one."""

    environment: str
    component: str
    run: RunRef | None
    trigger: RollbackTrigger
    actor: str
    reason: str
    evidence: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunRollback:
    """The one rollback of the run."""

    rollback_id: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRef:
    """A rollback that has begun."""

    environment: str
    rollback_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRollback:
    """A rollback and its ordered steps."""

    environment: str
    rollback_id: str
    component: str
    epoch: int
    reason: str
    from_percentage: float
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackStepOrder:
    """One step of a rollback."""

    environment: str
    rollback_id: str
    epoch: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRollback:
    """The end of a rollback; `workflow_id` is the rollout that waits for it."""

    rollback_id: str
    epoch: int
    state: RollbackState
    workflow_id: str
    detail: str = ""


class RollbackActivities:
    """The activities of `workflows.rollback`, and the failover for all others."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @activity.defn(name="rollback.begin")
    @final
    async def begin(self, order: BeginRollback) -> BegunRollback:
        """Take the traffic back; whoever comes second gets the first one's rollback."""
        async with self.engine.begin() as connection:
            rollback = await store.rollbacks.begin(
                connection,
                environment=order.environment,
                component=order.component,
                trigger=order.trigger,
                actor=order.actor,
                reason=order.reason,
                evidence=dict(order.evidence),
                run_id=UUID(order.run.run_id) if order.run else None,
            )
        return BegunRollback(rollback_id=str(rollback.id), epoch=rollback.epoch)

    @activity.defn(name="rollback.load")
    @final
    async def load(self, ref: RollbackRef) -> LoadedRollback:
        """Read the steps."""
        rollback = await self._get(ref.environment, ref.rollback_id)
        return LoadedRollback(
            environment=ref.environment,
            rollback_id=ref.rollback_id,
            component=rollback.component,
            epoch=rollback.epoch,
            reason=rollback.reason,
            from_percentage=float(rollback.from_percentage),
            steps=tuple(step.name for step in rollback.steps),
        )

    @activity.defn(name="rollback.step")
    @final
    async def step(self, order: RollbackStepOrder) -> str:
        """Carry one step out and give what it found, in words."""
        async with self.engine.begin() as connection:
            await store.rollbacks.step_started(
                connection, rollback_id=UUID(order.rollback_id), epoch=order.epoch, name=order.name
            )
        rollback = await self._get(order.environment, order.rollback_id)
        steps: dict[str, Callable[[Rollback], Awaitable[str]]] = {
            "disable_flag": self._disable_flag,
            "drain": self._drain,
            "restore_configuration": self._restore_configuration,
            "validate": self._validate,
            "notify": self._notify,
        }
        async with pulse():
            detail = await steps[order.name](rollback)
        async with self.engine.begin() as connection:
            await store.rollbacks.step_finished(
                connection, rollback_id=rollback.id, epoch=order.epoch, name=order.name, ok=True, detail=detail
            )
        return detail

    @activity.defn(name="rollback.step_failed")
    @final
    async def step_failed(self, order: RollbackStepOrder) -> None:
        """Record that a step has used up its tries."""
        async with self.engine.begin() as connection:
            await store.rollbacks.step_finished(
                connection,
                rollback_id=UUID(order.rollback_id),
                epoch=order.epoch,
                name=order.name,
                ok=False,
                detail="every try failed",
            )

    @activity.defn(name="rollback.finish")
    @final
    async def finish(self, order: EndRollback) -> None:
        """End the rollback and its run, and tell the rollout that waits."""
        async with self.engine.begin() as connection:
            rollback = await store.rollbacks.finish(
                connection,
                rollback_id=UUID(order.rollback_id),
                epoch=order.epoch,
                state=order.state,
                error=order.detail or None,
            )
            state = RunState.STOPPED if rollback.trigger is RollbackTrigger.STOP else RunState.ROLLED_BACK
            await store.outbox.enqueue(
                connection,
                environment=rollback.environment,
                workflow_id=order.workflow_id,
                kind="signal",
                name="rolled_back",
                payload={
                    "rollback_id": order.rollback_id,
                    "state": state.value,
                    "run_id": str(rollback.run_id or ""),
                },
            )
            if order.detail:
                await _alert(connection, rollback, "rollback-failed", Severity.CRITICAL, order.detail)

    async def _disable_flag(self, rollback: Rollback) -> str:
        """Disable the flag, which is at 0 since the failover, and wait until the clients serve that."""
        async with self.engine.begin() as connection:
            flag = await store.rollbacks.disable_flag(connection, rollback_id=rollback.id, epoch=rollback.epoch)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CONFIRMED_WITHIN
        while True:
            async with self.engine.begin() as connection:
                behind = await store.clients.behind(
                    connection, environment=rollback.environment, revision=flag.revision
                )
            if not behind or loop.time() >= deadline:
                break
            await asyncio.sleep(LOOK)
        late = f"{len(behind)} clients have not confirmed and serve legacy by themselves" if behind else "confirmed"
        return f"at 0 % since the failover; {late}"

    async def _drain(self, rollback: Rollback) -> str:
        """Wait until candidate's connections have ended."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DRAINED_WITHIN
        while True:
            left = await self._open_connections(rollback)
            if not left or loop.time() >= deadline:
                break
            await asyncio.sleep(LOOK)
        return f"{left} connections of candidate are still open" if left else "no connection of candidate is open"

    async def _open_connections(self, rollback: Rollback) -> int:
        if rollback.run_id is None:
            return 0
        async with self.engine.begin() as connection:
            totals = await store.totals.totals(connection, run_ids=[rollback.run_id])
        return sum(part.connections_open for part in totals if part.variant is Variant.CANDIDATE)

    async def _restore_configuration(self, rollback: Rollback) -> str:
        async with self.engine.begin() as connection:
            await store.rollbacks.restore_configuration(connection, rollback_id=rollback.id, epoch=rollback.epoch)
        return "conditions, overrides and fallback are as they were before the run"

    async def _validate(self, rollback: Rollback) -> str:
        """Legacy serves everybody and is healthy."""
        async with self.engine.begin() as connection:
            flag = await store.flags.get(connection, environment=rollback.environment, name=rollback.component)
            health = await store.recent.recent(
                connection, environment=rollback.environment, component=rollback.component, variant=Variant.LEGACY
            )
        if flag.served_percentage:
            raise RuntimeError("the flag still serves candidate")
        return f"legacy answered {health.requests} requests in the last minute, {health.errors} with errors"

    async def _notify(self, rollback: Rollback) -> str:
        async with self.engine.begin() as connection:
            await _alert(connection, rollback, "rolled-back", Severity.HIGH, rollback.reason)
        return "alert raised"

    async def _get(self, environment: str, rollback_id: str) -> Rollback:
        async with self.engine.begin() as connection:
            return await store.rollbacks.get(connection, environment=environment, rollback_id=UUID(rollback_id))


async def _alert(connection: AsyncConnection, rollback: Rollback, rule: str, severity: Severity, sentence: str) -> None:
    await store.alerts.fire(
        connection,
        environment=rollback.environment,
        component=rollback.component,
        rule=rule,
        run_id=rollback.run_id,
        severity=severity,
        evidence={"sentence": sentence, "rollbackId": str(rollback.id)},
    )
