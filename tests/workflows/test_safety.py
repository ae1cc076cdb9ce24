"""Breach, rollback and stop beat hold, approval, pause and validation."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from crossfade.plan.resolved import ComponentPlan, OnComponentRollback, PhasePlan, Policy
from crossfade.states import ComponentStatus, MigrationStatus, PhaseStatus, RollbackTrigger, RunState
from tests.workflows.plans import APPROVAL, LONG, SHADOW, component, steps
from tests.workflows.stage import Stage
from workflows.messages import Control, RollBack
from workflows.rollout import Rollout

UNDECIDED = SHADOW.__class__(name="data-consistency", sample=10_000_000, max_mismatch=0.05, timeout=LONG)

# Each wait of a rollout: a component of that name, and the words by which the wait is known.
WAITS: dict[str, tuple[ComponentPlan, str]] = {
    "hold": (component("hold", ramp=steps(10, 100, hold=LONG)), "hold to end"),
    "approval": (component("approval", ramp=(*steps(10), *steps(100, approval=APPROVAL))), "approval of"),
    "pause": (component("pause", ramp=steps(10, 100, hold=LONG)), "paused"),
    "validation": (
        component(
            "validation", ramp=(*steps(10), *steps(100, validate=("data-consistency",))), validations=(UNDECIDED,)
        ),
        "validation before",
    ),
}


async def breach(stage: Stage) -> None:
    stage.traffic.failing.update(WAITS)


async def roll_back(stage: Stage) -> None:
    for name in WAITS:
        await stage.rollout(name).signal(Rollout.roll_back, RollBack(actor="ann", reason="enough"))


async def stop(stage: Stage) -> None:
    await stage.stop("fire")


@pytest.mark.parametrize(
    ("harm", "trigger", "status"),
    [
        (breach, RollbackTrigger.THRESHOLD, ComponentStatus.ROLLED_BACK),
        (roll_back, RollbackTrigger.MANUAL, ComponentStatus.ROLLED_BACK),
        (stop, RollbackTrigger.STOP, ComponentStatus.STOPPED),
    ],
)
async def test_harm_beats_hold_approval_pause_and_validation(
    stage: Stage, harm: Callable[[Stage], Awaitable[None]], trigger: RollbackTrigger, status: ComponentStatus
) -> None:
    policy = Policy(max_components_ramping=len(WAITS), on_component_rollback=OnComponentRollback.CONTINUE)
    migration = await stage.start_phase(*(plan for plan, _ in WAITS.values()), policy=policy)
    await stage.until_percentage("pause", 10)
    await stage.rollout("pause").signal(Rollout.pause, Control(actor="ann"))
    for name, (_, words) in WAITS.items():
        await stage.until_waiting(migration, name, words)
    await harm(stage)
    for name in WAITS:
        await stage.until_percentage(name, 0)
        await stage.until_component(migration, name, status)
        (rollback,) = await stage.rollbacks(name)
        assert (rollback.trigger, rollback.from_percentage) == (trigger, Decimal(10))
        assert (await stage.flag(name)).shadow_share == Decimal(0)


async def test_a_breach_names_its_figures_and_pauses_the_phase(stage: Stage) -> None:
    migration = await stage.start_one(component("search", ramp=steps(10, 100, hold=LONG)))
    await stage.until_percentage("search", 10)
    stage.traffic.failing.add("search")
    await stage.until_component(migration, "search", ComponentStatus.ROLLED_BACK)
    (rollback,) = await stage.rollbacks("search")
    assert "errorRate" in str(rollback.evidence) or "error-rate" in str(rollback.evidence)
    assert [step.state for step in rollback.steps] == ["completed"] * len(rollback.steps)
    await stage.until_phase(migration, "first", PhaseStatus.PAUSED)
    assert await stage.status(migration) is MigrationStatus.RUNNING


async def test_a_failed_comparison_rolls_back(stage: Stage) -> None:
    stage.traffic.differing.add("search")
    ramp = (*steps(10), *steps(100, validate=("data-consistency",)))
    migration = await stage.start_one(component("search", ramp=ramp, validations=(SHADOW,)))
    await stage.until_component(migration, "search", ComponentStatus.ROLLED_BACK)
    (rollback,) = await stage.rollbacks("search")
    assert rollback.trigger is RollbackTrigger.VALIDATION
    assert rollback.evidence["validation"] == "data-consistency"
    assert Decimal(100) not in await stage.percentages("search")


async def test_a_cancelled_rollout_takes_its_traffic_back(stage: Stage) -> None:
    migration = await stage.start_one(component("search", ramp=steps(10, 100, hold=LONG)))
    await stage.until_percentage("search", 10)
    await stage.rollout("search").cancel()
    await stage.until_percentage("search", 0)
    await stage.until_component(migration, "search", ComponentStatus.ROLLED_BACK)


async def test_a_stop_from_temporal_reaches_completed_components_too(stage: Stage) -> None:
    first = component("first-part")
    second = component("second-part", ramp=steps(10, 100, hold=LONG), depends_on=("first-part",))
    migration = await stage.start_phase(first, second)
    await stage.until_percentage("second-part", 10)
    await stage.migration().signal("emergency_stop", Control(actor="ann", reason="fire"))
    await stage.until_status(migration, MigrationStatus.FAILED)
    await stage.until_percentage("first-part", 0)
    await stage.until_percentage("second-part", 0)
    await stage.until_component(migration, "second-part", ComponentStatus.STOPPED)
    assert not (await stage.flag("first-part")).enabled
    assert await stage.run_state("second-part") in {RunState.STOPPING, RunState.STOPPED}


async def test_a_stop_from_temporal_reaches_a_phase_that_goes_on_beside_a_lost_one(stage: Stage) -> None:
    long = steps(10, 100, hold=LONG)
    phases = [PhasePlan(name=name, components=(component(name, ramp=long),)) for name in ("lost", "left")]
    migration = await stage.start(*phases)
    await stage.until_percentage("lost", 10)
    await stage.until_percentage("left", 10)
    await stage.phase("lost").cancel()
    await stage.until_phase(migration, "lost", PhaseStatus.ABORTED)
    await stage.migration().signal("emergency_stop", Control(actor="ann", reason="fire"))
    await stage.until_percentage("left", 0)
    await stage.until_status(migration, MigrationStatus.FAILED)
    await stage.until_component(migration, "left", ComponentStatus.STOPPED)


async def test_a_completed_component_rolls_back_by_hand(stage: Stage) -> None:
    migration = await stage.start_one(component("search"))
    await stage.until_status(migration, MigrationStatus.COMPLETED)
    await stage.begin_rollback("search")
    assert (await stage.flag("search")).served_percentage == Decimal(0)
    await stage.until_component(migration, "search", ComponentStatus.ROLLED_BACK)
