"""Phases: dependencies, how many ramp at once, what a rollback does to siblings, and the gate at the end."""

from datetime import timedelta
from decimal import Decimal

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.service import RPCError

from crossfade.plan.resolved import GateCheck, OnComponentRollback, PhasePlan, Policy
from crossfade.states import ComponentStatus, MigrationStatus, PhaseStatus
from tests.workflows.plans import LONG, component, steps
from tests.workflows.stage import Stage
from workflows.messages import ComponentControl, Control
from workflows.phase import Phase


async def test_a_component_starts_after_the_ones_it_depends_on(stage: Stage) -> None:
    first = component("first-part", ramp=steps(10, 100, hold=LONG))
    migration = await stage.start_phase(
        first, component("second-part", depends_on=("first-part",)), policy=Policy(max_components_ramping=5)
    )
    await stage.until_percentage("first-part", 10)
    assert (await stage.components(migration))["second-part"] is ComponentStatus.PENDING


async def test_at_most_n_components_ramp_at_once(stage: Stage) -> None:
    ramp = steps(10, 100, hold=LONG)
    parts = [component(f"part-{number}", ramp=ramp) for number in range(3)]
    migration = await stage.start_phase(*parts, policy=Policy(max_components_ramping=2))
    await stage.until_percentage("part-0", 10)
    await stage.until_percentage("part-1", 10)
    assert (await stage.components(migration))["part-2"] is ComponentStatus.PENDING


async def test_a_phase_starts_after_the_one_it_depends_on(stage: Stage) -> None:
    phases = (
        PhasePlan(name="first", components=(component("first-part"),)),
        PhasePlan(name="second", depends_on=("first",), components=(component("second-part"),)),
    )
    migration = await stage.start(*phases)
    await stage.until_status(migration, MigrationStatus.COMPLETED)
    first, second = await stage.phases(migration)
    assert first.finished_at is not None
    assert second.started_at is not None
    assert first.finished_at <= second.started_at


async def test_a_failed_gate_keeps_the_next_phase_from_starting_until_it_passes(stage: Stage) -> None:
    gate = (GateCheck(name="self-check", target="app-selfcheck"),)
    phases = (
        PhasePlan(name="first", components=(component("first-part"),), gate=gate),
        PhasePlan(name="second", depends_on=("first",), components=(component("second-part"),)),
    )
    async with stage.self_check() as answer:
        answer.status = 500
        migration = await stage.start(*phases)
        await stage.until_phase(migration, "first", PhaseStatus.PAUSED)
        assert (await stage.components(migration))["second-part"] is ComponentStatus.PENDING
        answer.status = 200
        await stage.migration().signal("resume", Control(actor="ann"))
        await stage.until_status(migration, MigrationStatus.COMPLETED)
    verdicts = [check.verdict for check in await stage.gate_checks(migration) if check.name == "self-check"]
    assert verdicts == ["pass", "fail"]


@pytest.mark.parametrize("verdict", [200, 500])
async def test_a_component_that_is_taken_back_at_the_gate_keeps_its_phase_from_passing(
    stage: Stage, verdict: int
) -> None:
    gate = (GateCheck(name="self-check", target="app-selfcheck"),)
    async with stage.self_check() as answer:
        answer.status = verdict
        answer.given.clear()
        migration = await stage.start(PhasePlan(name="first", components=(component("search"),), gate=gate))
        await answer.asked.wait()
        await stage.begin_rollback("search")
        await stage.until_signalled(stage.phase("first"), "taken_back")
        answer.given.set()
        await stage.until_phase(migration, "first", PhaseStatus.PAUSED)
        answer.status = 200
        again = ComponentControl(component="search", actor="ann")
        await stage.until_update(stage.phase("first"), Phase.retry, again)
        await stage.until_status(migration, MigrationStatus.COMPLETED)
    assert (await stage.flag("search")).served_percentage == Decimal(100)


# Where each of the siblings stands after `bad` has rolled back, and what it serves.
SIBLINGS: dict[OnComponentRollback, dict[str, tuple[ComponentStatus, int]]] = {
    OnComponentRollback.PAUSE_PHASE: {
        "done": (ComponentStatus.COMPLETED, 100),
        "good": (ComponentStatus.PAUSED, 10),
        "fine": (ComponentStatus.PAUSED, 10),
        "next": (ComponentStatus.PENDING, 0),
    },
    OnComponentRollback.ROLL_BACK_PHASE: {
        "done": (ComponentStatus.ROLLED_BACK, 0),
        "good": (ComponentStatus.ROLLED_BACK, 0),
        "fine": (ComponentStatus.ROLLED_BACK, 0),
        "next": (ComponentStatus.PENDING, 0),
    },
    OnComponentRollback.CONTINUE: {
        "done": (ComponentStatus.COMPLETED, 100),
        "good": (ComponentStatus.RAMPING, 10),
        "fine": (ComponentStatus.RAMPING, 10),
        "next": (ComponentStatus.RAMPING, 10),
    },
}


@pytest.mark.parametrize("rule", list(OnComponentRollback))
async def test_siblings_do_what_the_plan_says(stage: Stage, rule: OnComponentRollback) -> None:
    ramp = steps(10, 100, hold=LONG)
    parts = (
        component("done", ramp=steps(100), bake=timedelta(0)),
        component("good", ramp=ramp, depends_on=("done",)),
        component("fine", ramp=ramp, depends_on=("done",)),
        component("bad", ramp=ramp),
        component("next", ramp=ramp, depends_on=("done",)),
    )
    policy = Policy(max_components_ramping=3, on_component_rollback=rule)
    migration = await stage.start_phase(*parts, policy=policy)
    for name in ("good", "fine", "bad"):
        await stage.until_percentage(name, 10)
    stage.traffic.failing.add("bad")
    for name, (status, percentage) in SIBLINGS[rule].items():
        await stage.until_component(migration, name, status)
        if status is not ComponentStatus.PENDING:
            await stage.until_percentage(name, percentage)
    await stage.until_component(migration, "bad", ComponentStatus.ROLLED_BACK)
    back = {name: [each.started_at for each in await stage.rollbacks(name)] for name in SIBLINGS[rule]}
    if rule is OnComponentRollback.ROLL_BACK_PHASE:
        assert [len(back[name]) for name in ("done", "good", "fine", "next")] == [1, 1, 1, 0]
        assert max(*back["good"], *back["fine"]) < back["done"][0]
    else:
        assert not any(back.values())


async def test_a_rolled_back_component_is_tried_again_by_a_person_only(stage: Stage) -> None:
    migration = await stage.start_one(component("search", ramp=steps(10, 100)))
    await stage.until_percentage("search", 10)
    await stage.begin_rollback("search")
    await stage.until_phase(migration, "first", PhaseStatus.PAUSED)
    handle = stage.phase("first")
    await handle.execute_update(Phase.retry, ComponentControl(component="search", actor="ann"))
    await stage.until_status(migration, MigrationStatus.COMPLETED)


async def test_attempts_are_limited(stage: Stage) -> None:
    migration = await stage.start_one(component("search", ramp=steps(10, 100, hold=LONG)))
    handle = stage.phase("first")
    for attempt in range(2):
        await stage.until_percentage("search", 10)
        await stage.begin_rollback("search")
        await stage.until_phase(migration, "first", PhaseStatus.PAUSED)
        if attempt == 0:
            await handle.execute_update(Phase.retry, ComponentControl(component="search", actor="ann"))
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update(Phase.retry, ComponentControl(component="search", actor="ann"))
    assert "no attempt left" in str(refused.value.cause)


async def test_a_skipped_component_lets_its_phase_complete(stage: Stage) -> None:
    migration = await stage.start_one(component("search", ramp=steps(10, 100, hold=LONG)))
    await stage.until_percentage("search", 10)
    await stage.begin_rollback("search")
    await stage.until_phase(migration, "first", PhaseStatus.PAUSED)
    order = ComponentControl(component="search", actor="ann", reason="not worth it")
    await stage.phase("first").execute_update(Phase.skip, order)
    await stage.until_status(migration, MigrationStatus.COMPLETED)
    assert (await stage.components(migration))["search"] is ComponentStatus.SKIPPED


async def test_an_abort_rolls_back_what_is_live_and_leaves_what_is_complete(stage: Stage) -> None:
    second = component("second-part", ramp=steps(10, 100, hold=LONG), depends_on=("first-part",))
    migration = await stage.start_phase(component("first-part"), second)
    await stage.until_percentage("second-part", 10)
    await stage.migration().signal("abort", Control(actor="ann", reason="another day"))
    await stage.until_status(migration, MigrationStatus.ABORTED)
    assert (await stage.flag("second-part")).served_percentage == Decimal(0)
    assert (await stage.flag("first-part")).served_percentage == Decimal(100)


async def test_a_cancelled_migration_is_aborted(stage: Stage) -> None:
    migration = await stage.start_one(component("search", ramp=steps(10, 100, hold=LONG)))
    await stage.until_percentage("search", 10)
    await stage.migration().cancel()
    await stage.until_status(migration, MigrationStatus.ABORTED)
    assert (await stage.flag("search")).served_percentage == Decimal(0)


async def test_a_rollout_that_is_cancelled_while_it_begins_leaves_no_live_run(stage: Stage) -> None:
    await stage.start_one(component("search", ramp=steps(10, 100, hold=LONG)))
    handle = stage.rollout("search")

    async def cancelled() -> bool:
        try:
            await handle.cancel()
        except RPCError:  # not there yet
            return False
        return True

    await stage.until("the rollout is there to be cancelled", cancelled, bool)
    await stage.until(
        "the rollout has ended", handle.describe, lambda seen: seen.status != WorkflowExecutionStatus.RUNNING
    )
    assert await stage.live_runs() == []


async def test_a_paused_migration_starts_nothing_more(stage: Stage) -> None:
    migration = await stage.start_phase(component("first-part", ramp=steps(10, 100, hold=LONG)), component("next"))
    await stage.until_percentage("first-part", 10)
    await stage.migration().signal("pause", Control(actor="ann"))
    await stage.until_status(migration, MigrationStatus.PAUSED)
    await stage.until_component(migration, "first-part", ComponentStatus.PAUSED)
    assert (await stage.components(migration))["next"] is ComponentStatus.PENDING
    await stage.migration().signal("resume", Control(actor="ann"))
    await stage.until_component(migration, "first-part", ComponentStatus.RAMPING)
