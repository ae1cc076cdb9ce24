"""A rollout from its first step to its bake, and the gates of a step."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from temporalio.client import WorkflowUpdateFailedError

from crossfade.flags import Conditions
from crossfade.states import ComponentStatus, MigrationStatus, RunState
from tests.workflows.plans import APPROVAL, LONG, SHADOW, component, steps
from tests.workflows.stage import Stage
from workflows.messages import Approve, Control, Promote, RollBack, RolledBack, SetPercentage
from workflows.rollout import Rollout


async def test_a_component_ramps_step_by_step_and_completes(stage: Stage) -> None:
    migration = await stage.start_one(component("search"))
    await stage.until_status(migration, MigrationStatus.COMPLETED)
    assert await stage.percentages("search") == [Decimal(0), Decimal(10), Decimal(50), Decimal(100)]
    assert await stage.components(migration) == {"search": ComponentStatus.COMPLETED}
    flag = await stage.flag("search")
    assert flag.served_percentage == Decimal(100)
    assert not flag.is_live


async def test_a_step_waits_for_its_validation_and_its_approval_before_it_is_published(stage: Stage) -> None:
    ramp = (*steps(10), *steps(100, validate=("data-consistency",), approval=APPROVAL))
    migration = await stage.start_one(component("search", ramp=ramp, validations=(SHADOW,)))
    await stage.until_waiting(migration, "search", "approval of 100 %")
    assert await stage.percentages("search") == [Decimal(0), Decimal(10)]
    assert [each.verdict for each in await stage.checkpoints("search")] == ["pass"]
    handle = stage.rollout("search")
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update(Rollout.approve, Approve(actor="ann"))
    await handle.execute_update(Rollout.approve, Approve(actor="ann", reason="looks good"))
    await stage.until_status(migration, MigrationStatus.COMPLETED)
    assert "approve" in await stage.actions()


async def test_a_minimum_sample_that_never_comes_holds_the_step(stage: Stage) -> None:
    ramp = steps(10, 100)
    starved = (
        ramp[0].__class__(percentage=Decimal(10), hold=timedelta(0), min_sample=1_000_000),
        ramp[1],
    )
    migration = await stage.start_one(component("search", ramp=starved))
    await stage.until_waiting(migration, "search", "minimum sample")
    assert (await stage.flag("search")).served_percentage == Decimal(10)


async def test_a_promotion_skips_the_hold(stage: Stage) -> None:
    migration = await stage.start_one(component("search", ramp=(*steps(10, hold=LONG), *steps(100))))
    await stage.until_waiting(migration, "search", "hold")
    await stage.rollout("search").execute_update(Rollout.promote, Promote(actor="ann"))
    await stage.until_status(migration, MigrationStatus.COMPLETED)


async def test_a_promotion_out_of_the_last_hold_does_not_skip_the_bake(stage: Stage) -> None:
    migration = await stage.start_one(component("search", ramp=steps(100, hold=LONG), bake=LONG))
    for hold in ("its hold to end, then the bake", "its hold to end, then completion"):
        await stage.until_waiting(migration, "search", hold)
        await stage.rollout("search").execute_update(Rollout.promote, Promote(actor="ann"))
    await stage.until_status(migration, MigrationStatus.COMPLETED)


async def test_news_for_an_earlier_run_changes_nothing(stage: Stage) -> None:
    migration = await stage.start_one(component("search", ramp=steps(10, 100, hold=timedelta(seconds=2))))
    await stage.until_percentage("search", 10)
    handle, earlier = stage.rollout("search"), str(uuid4())
    await handle.signal(Rollout.roll_back, RollBack(rollback_id=str(uuid4()), run_id=earlier))
    await handle.signal(Rollout.emergency_stop, Control(actor="ann", run_id=earlier))
    await handle.signal(Rollout.rolled_back, RolledBack(run_id=earlier))
    state = await stage.state("search")
    assert (state.rollback, state.stop, state.rolled_back) == (None, None, None)
    await stage.until_status(migration, MigrationStatus.COMPLETED)


async def test_a_pause_stops_advancing_until_resumed(stage: Stage) -> None:
    migration = await stage.start_one(component("search", ramp=steps(10, 100, hold=timedelta(seconds=2))))
    await stage.until_percentage("search", 10)
    await stage.rollout("search").signal(Rollout.pause, Control(actor="ann"))
    await stage.until_waiting(migration, "search", "paused")
    served = (await stage.state("search")).hold_served
    await stage.until_seconds(3)
    assert (await stage.state("search")).hold_served == served
    assert (await stage.flag("search")).served_percentage == Decimal(10)
    await stage.rollout("search").signal(Rollout.resume, Control(actor="ann"))
    await stage.until_status(migration, MigrationStatus.COMPLETED)


async def test_a_percentage_by_hand_holds_until_resumed_from_the_step_below(stage: Stage) -> None:
    migration = await stage.start_one(component("search", ramp=(*steps(10, hold=LONG), *steps(50, 100))))
    await stage.until_percentage("search", 10)
    handle = stage.rollout("search")
    await handle.execute_update(Rollout.set_percentage, SetPercentage(percentage=Decimal(60), actor="ann"))
    assert (await stage.flag("search")).served_percentage == Decimal(60)
    await stage.until_waiting(migration, "search", "by hand")
    await handle.signal(Rollout.resume, Control(actor="ann"))
    await stage.until_status(migration, MigrationStatus.COMPLETED)
    percentages = await stage.percentages("search")
    assert percentages == [Decimal(0), Decimal(10), Decimal(60), Decimal(50), Decimal(100)]


async def test_a_lowered_percentage_is_served_at_once_and_holds_the_ramp(stage: Stage) -> None:
    migration = await stage.start_one(component("search", ramp=(*steps(10, 50, hold=LONG), *steps(100))))
    await stage.until_percentage("search", 10)
    await stage.lower("search", 3)
    assert (await stage.flag("search")).served_percentage == Decimal(3)
    await stage.until_waiting(migration, "search", "by hand")
    assert (await stage.components(migration))["search"] is ComponentStatus.HELD


@pytest.mark.parametrize("percentage", [Decimal(-1), Decimal("100.001"), Decimal("1.0001")])
async def test_a_senseless_percentage_is_refused(stage: Stage, percentage: Decimal) -> None:
    await stage.start_one(component("search", ramp=steps(10, 100, hold=LONG)))
    await stage.until_percentage("search", 10)
    with pytest.raises(WorkflowUpdateFailedError):
        await stage.rollout("search").execute_update(
            Rollout.set_percentage, SetPercentage(percentage=percentage, actor="ann")
        )
    assert (await stage.flag("search")).served_percentage == Decimal(10)


async def test_silence_never_advances(stage: Stage) -> None:
    stage.traffic.silent.add("search")
    migration = await stage.start_one(component("search", ramp=steps(10, 100)))
    await stage.until_waiting(migration, "search", "fresh samples")
    await stage.until_seconds(4)
    assert (await stage.flag("search")).served_percentage == Decimal(10)
    stage.traffic.silent.clear()
    await stage.until_status(migration, MigrationStatus.COMPLETED)


async def test_a_hundred_percent_of_some_does_not_complete(stage: Stage) -> None:
    conditions = Conditions(user_groups=("beta-testers",))
    migration = await stage.start_one(component("search", conditions=conditions))
    await stage.until_waiting(migration, "search", "allowConditional")
    assert (await stage.run_state("search")) is RunState.BAKING
