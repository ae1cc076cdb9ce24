"""Pauses of a component, of its phase and of the migration: each is resumed by itself and audited once."""

from collections import Counter

import pytest
from temporalio.client import WorkflowUpdateFailedError

from crossfade.plan.resolved import Policy
from crossfade.states import ComponentStatus, MigrationStatus, PhaseStatus
from tests.workflows.plans import LONG, component, steps
from tests.workflows.stage import Stage
from workflows.messages import ComponentControl, Control, Promote
from workflows.phase import Phase
from workflows.rollout import Rollout

RAMP = steps(10, 100, hold=LONG)
LUNCH = Control(actor="ann", reason="lunch")


async def test_each_pause_is_resumed_by_itself(stage: Stage) -> None:
    parts = (component("one", ramp=RAMP), component("two", ramp=RAMP))
    migration = await stage.start_phase(*parts, policy=Policy(max_components_ramping=2))
    for name in ("one", "two"):
        await stage.until_percentage(name, 10)

    await stage.rollout("one").signal(Rollout.pause, LUNCH)
    await stage.until_waiting(migration, "one", "resume: paused by ann: lunch")
    await stage.phase("first").signal("pause", LUNCH)
    await stage.until_waiting(migration, "two", "resume of its phase: paused by ann: lunch")
    await stage.until_phase(migration, "first", PhaseStatus.PAUSED)
    await stage.migration().signal("pause", LUNCH)
    await stage.until_status(migration, MigrationStatus.PAUSED)
    await stage.phase("first").signal("resume", LUNCH)
    await stage.until_waiting_only(migration, "two", "resume of the migration: paused by ann: lunch")
    with pytest.raises(WorkflowUpdateFailedError):
        await stage.rollout("two").execute_update(Rollout.promote, Promote(actor="ann"))
    await stage.migration().signal("resume", LUNCH)
    await stage.until_component(migration, "two", ComponentStatus.RAMPING)
    assert (await stage.components(migration))["one"] is ComponentStatus.PAUSED
    await stage.rollout("one").signal(Rollout.resume, LUNCH)
    await stage.until_component(migration, "one", ComponentStatus.RAMPING)

    ordered = [(action, reason) for action, actor, reason in await stage.audited() if actor == "ann"]
    assert Counter(ordered) == {
        ("migration.pending", ""): 1,
        ("phase.pending", ""): 1,
        ("component.pending", ""): 2,
        **{(action, "lunch"): 1 for action in ("pause", "resume")},
        **{(f"{whole}.order.{order}", "lunch"): 1 for whole in ("phase", "migration") for order in ("pause", "resume")},
    }


async def test_an_order_that_is_delivered_twice_counts_once(stage: Stage) -> None:
    migration = await stage.start_one(component("search", ramp=RAMP))
    await stage.until_percentage("search", 10)
    first, second = (Control(actor="ann", reason="lunch", order_id=name) for name in ("first", "second"))
    for order in (first, second):
        await stage.rollout("search").signal(Rollout.pause, order)
        await stage.rollout("search").signal(Rollout.resume, Control(actor="ann", order_id=f"after {order.order_id}"))
    await stage.rollout("search").signal(Rollout.pause, first)
    last = Control(actor="ann", reason="tea", order_id="third")
    await stage.rollout("search").signal(Rollout.pause, last)
    await stage.until_waiting(migration, "search", "tea")
    await stage.until("all are audited", stage.actions, lambda seen: Counter(seen)["pause"] == 3)


async def test_a_retry_or_a_skip_lifts_the_pause_of_the_siblings_and_no_other(stage: Stage) -> None:
    parts = (component(name, ramp=RAMP) for name in ("bad", "mine", "other"))
    migration = await stage.start_phase(*parts, policy=Policy(max_components_ramping=3))
    for name in ("bad", "mine", "other"):
        await stage.until_percentage(name, 10)
    await stage.rollout("mine").signal(Rollout.pause, LUNCH)
    order = ComponentControl(component="bad", actor="ann", reason="fixed")
    for decide in (Phase.retry, Phase.skip):
        await stage.begin_rollback("bad")
        await stage.until_component(migration, "bad", ComponentStatus.ROLLED_BACK)
        await stage.until_waiting(migration, "other", "a retry or a skip: paused since bad was rolled back: enough")
        await stage.phase("first").signal("resume", LUNCH)
        await stage.until_phase(migration, "first", PhaseStatus.PAUSED)
        assert (await stage.components(migration))["other"] is ComponentStatus.PAUSED
        await stage.until_update(stage.phase("first"), decide, order)
        await stage.until_component(migration, "other", ComponentStatus.RAMPING)
        if decide is Phase.retry:
            await stage.until_percentage("bad", 10)
    assert (await stage.components(migration))["mine"] is ComponentStatus.PAUSED
    assert (await stage.components(migration))["bad"] is ComponentStatus.SKIPPED


async def test_a_completed_component_that_goes_back_pauses_its_phase(stage: Stage) -> None:
    parts = (component("done", ramp=steps(100)), component("other", ramp=RAMP))
    migration = await stage.start_phase(*parts, policy=Policy(max_components_ramping=2))
    await stage.until_component(migration, "done", ComponentStatus.COMPLETED)
    await stage.until_percentage("other", 10)
    await stage.begin_rollback("done")
    await stage.until_component(migration, "other", ComponentStatus.PAUSED)
    await stage.until_phase(migration, "first", PhaseStatus.PAUSED)
    skip = ComponentControl(component="done", actor="ann", reason="not worth it")
    await stage.until_update(stage.phase("first"), Phase.skip, skip)
    await stage.until_component(migration, "other", ComponentStatus.RAMPING)
    assert (await stage.components(migration))["done"] is ComponentStatus.SKIPPED
