"""Values with defaults, for tests: `component("search", steps=(10, 100))`."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.plan.resolved import ComponentPlan, PhasePlan, Plan, Step
from crossfade.states import RollbackTrigger, Verdict
from store import migrations, monitors, rollbacks, runs
from store.migrations import Migration
from store.rollbacks import Rollback
from store.runs import Run

ENVIRONMENT = "test"
_numbers = count(1)


def effect(purpose: str = "effect") -> str:
    """A key that nobody else uses."""
    return f"{purpose}/{next(_numbers)}"


def component(name: str = "search", *, steps: Iterable[float] = (10, 50, 100), **changes: Any) -> ComponentPlan:
    ramp = tuple(Step(percentage=Decimal(str(step))) for step in steps)
    values: dict[str, Any] = {"name": name, "steps": ramp, "bake": timedelta(seconds=1), **changes}
    return ComponentPlan(**values)


def plan(*phases: Iterable[str], name: str = "library", environment: str = ENVIRONMENT, **changes: Any) -> Plan:
    """A plan whose phases have components of these names; one phase of `search` without any."""
    named = phases or (("search",),)
    resolved = tuple(
        PhasePlan(name=f"phase-{number}", components=tuple(component(part) for part in parts))
        for number, parts in enumerate(named, 1)
    )
    return Plan(name=name, environment=environment, phases=resolved, **changes)


async def started_migration(connection: AsyncConnection, *phases: Iterable[str], **changes: Any) -> Migration:
    return await migrations.create(connection, plan=plan(*phases, **changes), text="a plan", actor="ann")


async def begun_run(
    connection: AsyncConnection,
    name: str = "search",
    *,
    migration_id: UUID | None = None,
    environment: str = ENVIRONMENT,
    **changes: Any,
) -> Run:
    return await runs.begin(
        connection,
        environment=environment,
        component=name,
        migration_id=migration_id,
        phase="phase-1",
        plan=component(name, **changes),
        actor="crossfade",
        effect=effect("begin"),
    )


async def served_run(connection: AsyncConnection, name: str = "search", percentage: float = 10, **changes: Any) -> Run:
    """A run that serves this percentage at its first step."""
    run = await begun_run(connection, name, **changes)
    await publish(connection, run, percentage=percentage)
    return await runs.get(connection, run.id)


async def completed_run(connection: AsyncConnection, name: str = "search", **changes: Any) -> Run:
    run = await served_run(connection, name, percentage=100, **changes)
    await judge(connection, run)
    return await runs.complete(connection, run_id=run.id, epoch=run.epoch, actor="crossfade", effect=effect())


async def publish(
    connection: AsyncConnection, run: Run, *, step: int = 1, percentage: float = 10, require_reading: bool = False
) -> runs.Published:
    return await runs.publish_step(
        connection,
        run_id=run.id,
        epoch=run.epoch,
        step=step,
        percentage=Decimal(str(percentage)),
        actor="crossfade",
        reason="",
        effect=effect("step"),
        require_reading=require_reading,
    )


async def judge(connection: AsyncConnection, run: Run, **changes: Any) -> None:
    """Stores a good reading of the run's current step, as the monitor does."""
    good = {"step": run.step, "verdict": Verdict.PASS, "enough": True, "no_data": False, "source_error": False}
    await runs.record_readings(connection, {run.id: {**good, **changes}})
    await monitors.tick(connection, run.environment)


async def roll_back(connection: AsyncConnection, name: str = "search", **changes: Any) -> Rollback:
    values: dict[str, Any] = {
        "environment": ENVIRONMENT,
        "component": name,
        "trigger": RollbackTrigger.MANUAL,
        "actor": "ann",
        "reason": "it hurts",
        "evidence": {},
        **changes,
    }
    return await rollbacks.begin(connection, **values)
