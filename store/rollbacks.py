"""Rollbacks: one for each run whoever asks; legacy for everybody in the same transaction, the steps afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import Fenced, NothingToRollBack, UnknownRollback
from crossfade.flags import Flag
from crossfade.percentages import ZERO
from crossfade.plan.resolved import RollbackPlan
from crossfade.states import RollbackState, RollbackTrigger, RunState
from store import audit, components, control, flags, migrations, outbox, retirements, rollback_rows, run_rows, runs
from store.documents import Document
from store.identifiers import uuid7
from store.outbox import Order
from store.rollback_rows import Restore, Rollback, RollbackStep
from store.rollback_steps import disable_flag, finish, restore_configuration, step_finished, step_started
from store.run_rows import Run
from store.tables import rollback_events, rollback_steps

__all__ = [
    "Rollback",
    "RollbackStep",
    "Target",
    "begin",
    "disable_flag",
    "finish",
    "get",
    "list",
    "of_run",
    "preview",
    "restore_configuration",
    "step_finished",
    "step_started",
]

MOVABLE = frozenset({*run_rows.ADVANCING, RunState.COMPLETED})


@dataclass(frozen=True, slots=True)
class Target:
    """What a rollback of a component takes back: its run (None for a flag set by hand), and what is served.

    `existing` is the rollback that somebody has begun already.
    """

    run: Run | None
    flag: Flag
    existing: Rollback | None

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of the steps, in order."""
        return RollbackPlan().steps if self.run is None else self.run.plan.rollback.steps


async def begin(  # noqa: PLR0913 - whom, why, on which evidence, in which epoch
    connection: AsyncConnection,
    *,
    environment: str,
    component: str,
    trigger: RollbackTrigger,
    actor: str,
    reason: str,
    evidence: Document,
    run_id: UUID | None = None,
    epoch: int | None = None,
    restore: Restore | None = None,
) -> Rollback:
    """Puts a component on legacy at once and queues the steps; whoever asks second gets the first one's rollback.

    Raises NothingToRollBack, Retired, and Fenced where `run_id` or `epoch` is not the newest run's.
    """
    await control.lock(connection, environment)
    target = await find_target(connection, environment=environment, component=component, run_id=run_id)
    if target.existing is not None:
        if target.run is None and target.flag.served_percentage:  # raised by hand while it is being rolled back
            await take_back(connection, target, replace(target.existing, actor=actor, reason=reason))
        return target.existing
    if target.run is not None and epoch not in {None, target.run.epoch}:
        raise Fenced(f"run {target.run.id} is in epoch {target.run.epoch}, not {epoch}")
    rollback = await prepared(connection, target, trigger=trigger, actor=actor, reason=reason)
    rollback = replace(rollback, evidence=evidence, restore=restore)
    await take_back(connection, target, rollback)
    await insert_all(connection, [rollback], actor=actor)
    await queue(connection, rollback)
    if target.run is not None and target.run.state is RunState.COMPLETED:
        await tell_phase(connection, target.run, rollback)
    return replace(rollback, created=True)


async def preview(connection: AsyncConnection, *, environment: str, component: str) -> Target:
    """Gives what a rollback would do, and does nothing; raises NothingToRollBack, Retired."""
    return await find_target(connection, environment=environment, component=component, run_id=None)


async def get(connection: AsyncConnection, *, rollback_id: UUID, environment: str | None = None) -> Rollback:
    """Gives one rollback, of this environment where one is named; raises UnknownRollback."""
    rollback = await rollback_rows.find(connection, rollback_events.c.id == rollback_id)
    if rollback is None or environment not in {None, rollback.environment}:
        raise UnknownRollback(str(rollback_id))
    return rollback


async def of_run(connection: AsyncConnection, *, run_id: UUID) -> Rollback | None:
    """Gives the rollback of a run, if there is one."""
    return await rollback_rows.find(connection, rollback_events.c.run_id == run_id)


async def list(  # noqa: A001 - its verb
    connection: AsyncConnection, *, environment: str, component: str | None = None, limit: int = 100
) -> tuple[Rollback, ...]:
    """Gives rollbacks, the newest first."""
    conditions = [rollback_events.c.environment == environment]
    if component is not None:
        conditions.append(rollback_events.c.component == component)
    return await rollback_rows.find_all(connection, *conditions, limit=limit)


async def find_target(connection: AsyncConnection, *, environment: str, component: str, run_id: UUID | None) -> Target:
    """Gives what there is to take back; raises NothingToRollBack, Retired, Fenced for a run that is not the newest."""
    await retirements.refuse(connection, environment=environment, component=component)
    latest = await runs.latest(connection, environment=environment, component=component)
    run = None if latest is None else await run_rows.lock(connection, latest.id)
    if run_id is not None and (run is None or run.id != run_id):
        raise Fenced(f"run {run_id} is not the newest of {component}")
    flag = await flags.find(connection, environment=environment, name=component, lock=True)
    if flag is None:
        raise NothingToRollBack(component)
    if run is not None and run.state in MOVABLE:
        return Target(run, flag, None)
    if run is not None and (run.state.is_live or run_id is not None):  # what was served since it ended is not the run's
        return Target(run, flag, await of_run(connection, run_id=run.id))
    mine = (rollback_events.c.environment == environment, rollback_events.c.component == component)
    existing = await rollback_rows.find(connection, *mine)
    if flag.served_percentage:
        is_running = existing is not None and existing.run_id is None and existing.state is RollbackState.RUNNING
        return Target(None, flag, existing if is_running else None)
    if existing is None:
        raise NothingToRollBack(component)
    return Target(run, flag, existing)


async def prepared(
    connection: AsyncConnection, target: Target, *, trigger: RollbackTrigger, actor: str, reason: str
) -> Rollback:
    """Gives the rollback of a target in a new epoch."""
    environment, component, run = target.flag.environment, target.flag.name, target.run
    epoch = await control.next_epoch(connection, environment)
    next_attempt = await runs.next_attempt(connection, environment=environment, component=component)
    return Rollback(
        id=uuid7(),
        environment=environment,
        component=component,
        run_id=None if run is None else run.id,
        attempt=next_attempt if run is None else run.attempt,
        epoch=epoch,
        trigger=trigger,
        state=RollbackState.RUNNING,
        actor=actor,
        reason=reason,
        evidence={},
        from_percentage=target.flag.served_percentage,
        to_percentage=ZERO,
        restore=None,
        former_configuration=None if run is None else run.former_configuration,
        started_at=await control.now(connection),
        steps=tuple(RollbackStep(name=name) for name in target.steps),
    )


async def take_back(connection: AsyncConnection, target: Target, rollback: Rollback) -> None:
    """Moves the run to `rolling_back` and its flag's ceiling to 0."""
    if target.run is not None:
        await turn(connection, target.run, RunState.ROLLING_BACK, rollback)
    flag = replace(target.flag, ceiling=ZERO, shadow_share=Decimal(0), epoch=rollback.epoch)
    await flags.publish(
        connection,
        flag,
        action="rollback.begin",
        actor=rollback.actor,
        reason=rollback.reason,
        run_id=rollback.run_id,
        step=None if target.run is None else target.run.step,
    )


async def turn(connection: AsyncConnection, run: Run, state: RunState, rollback: Rollback) -> Run:
    """Moves a run to the state in which its rollback owns it."""
    turned = replace(run, state=state, epoch=rollback.epoch, percentage=ZERO, finished_at=None)
    entry = run_rows.entry(turned, action=f"run.{state}", actor=rollback.actor, reason=rollback.reason)
    await run_rows.write(connection, run, turned, entry)
    await components.follow(connection, turned, actor=rollback.actor, reason=rollback.reason)
    return turned


async def insert_all(connection: AsyncConnection, rollbacks: Sequence[Rollback], *, actor: str) -> None:
    """Inserts rollbacks with their steps and audit rows."""
    if not rollbacks:
        return
    await connection.execute(insert(rollback_events), [rollback_rows.values(rollback) for rollback in rollbacks])
    steps = [
        {"rollback_id": rollback.id, "position": position, "name": step.name, "state": step.state}
        for rollback in rollbacks
        for position, step in enumerate(rollback.steps, 1)
    ]
    if steps:
        await connection.execute(insert(rollback_steps), steps)
    entries = (rollback_rows.entry(None, rollback, action="rollback.begin", actor=actor) for rollback in rollbacks)
    await audit.append(connection, *entries)


async def queue(connection: AsyncConnection, *begun: Rollback, signal: str = "roll_back") -> None:
    """Queues the start of each rollback's workflow, and word to that of its run."""
    orders = []
    for rollback in begun:
        payload = message(rollback)
        where = (rollback.environment, rollback.workflow_id)
        orders.append(Order(*where, "start", "Rollback", payload, f"{rollback.id}/start"))
        if rollback.run_id is not None:
            rollout = (rollback.environment, f"rollout/{rollback.environment}/{rollback.component}")
            orders.append(Order(*rollout, "signal", signal, payload, f"{rollback.id}/signal"))
    await outbox.enqueue_all(connection, orders)


async def tell_phase(connection: AsyncConnection, run: Run, rollback: Rollback) -> None:
    """Queues word to the phase of a completed component, whose own workflow has ended."""
    if run.migration_id is None:
        return
    migration = await migrations.get(connection, run.migration_id)
    payload = {"component": run.component, "actor": rollback.actor, "reason": rollback.reason}
    await outbox.enqueue(
        connection,
        environment=run.environment,
        workflow_id=f"phase/{run.environment}/{migration.name}/{run.phase}",
        kind="signal",
        name="taken_back",
        payload=payload,
        request_id=f"{rollback.id}/phase",
    )


def message(rollback: Rollback) -> Document:
    """Gives what the workflows are told of a rollback."""
    return {
        "rollback_id": str(rollback.id),
        "environment": rollback.environment,
        "component": rollback.component,
        "run_id": rollback.run_id and str(rollback.run_id),
        "epoch": rollback.epoch,
        "trigger": rollback.trigger.value,
        "actor": rollback.actor,
        "reason": rollback.reason,
    }
