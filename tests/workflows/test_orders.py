"""Holds, approvals, retries and retirements, as a person orders them from Temporal."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from crossfade.plan.resolved import OnComponentRollback, Policy
from crossfade.states import ComponentStatus, MigrationStatus, RunState
from tests.workflows.plans import APPROVAL, LONG, component, steps
from tests.workflows.stage import Stage
from workflows.messages import Approve, ComponentControl, Control, Hold
from workflows.migration import Migration
from workflows.phase import Phase
from workflows.rollout import Rollout

ON_ITS_OWN = Policy(max_components_ramping=9, on_component_rollback=OnComponentRollback.CONTINUE)
EXPIRING = replace(APPROVAL, expires_after=timedelta(seconds=1))


def kind(refused: pytest.ExceptionInfo[WorkflowUpdateFailedError]) -> str | None:
    """The name of the refusal; that of an activity stands behind its failure."""
    cause: BaseException | None = refused.value.cause
    while cause is not None and not isinstance(cause, ApplicationError):
        cause = cause.__cause__
    return cause.type if cause else None


async def test_a_hold_from_temporal_is_served_by_postgres(stage: Stage) -> None:
    names = ("lower", "here", "higher", "answered")
    ramp = (*steps(10, hold=LONG), *steps(100))
    migration = await stage.start_phase(*(component(name, ramp=ramp) for name in names), policy=ON_ITS_OWN)
    for name in names:
        await stage.until_percentage(name, 10)
    await stage.rollout("lower").signal(Rollout.hold, Hold(percentage=Decimal(3), actor="ann", reason="careful"))
    await stage.rollout("here").signal(Rollout.hold, Hold(actor="ann", reason="careful"))
    await stage.rollout("higher").signal(Rollout.hold, Hold(percentage=Decimal(60), actor="ann", reason="careful"))
    answer = await stage.rollout("answered").execute_update("hold", Hold(actor="ann", reason="careful"))
    assert answer == "held at 10 % until resumed"
    for name in names:
        expected = Decimal(3 if name == "lower" else 10)
        await stage.until_component(migration, name, ComponentStatus.HELD)
        await stage.until_history(name, f"holds at {expected} %")
        state = await stage.state(name)
        assert (await stage.flag(name)).served_percentage == state.percentage == expected
        assert await stage.run_state(name) is RunState.HELD
    held = [
        reason for action, actor, reason in await stage.audited() if (action, actor) == ("run.set_percentage", "ann")
    ]
    assert held == ["careful"] * 2 * len(names)  # the run's row and its flag's
    await stage.rollout("lower").signal(Rollout.resume, Control(actor="ann"))
    await stage.until_component(migration, "lower", ComponentStatus.RAMPING)


async def test_an_approval_that_expires_holds_or_rolls_back_and_is_asked_again_after_a_resume(stage: Stage) -> None:
    asked = {"holds": EXPIRING, "goes-back": replace(EXPIRING, on_expire="rollback")}
    parts = (
        component(name, ramp=(*steps(10), *steps(100, hold=LONG, approval=approval)))
        for name, approval in asked.items()
    )
    migration = await stage.start_phase(*parts, policy=ON_ITS_OWN)
    await stage.until_component(migration, "goes-back", ComponentStatus.ROLLED_BACK)
    assert [rollback.reason for rollback in await stage.rollbacks("goes-back")] == ["approval expired"]
    await stage.until_waiting(migration, "holds", "resume: the request for approval of 100 % expired")
    handle, order = stage.rollout("holds"), Approve(actor="ann", reason="looks good")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update(Rollout.approve, order)
    assert kind(refused) == "ApprovalExpired"
    assert (await stage.flag("holds")).served_percentage == Decimal(10)
    await handle.signal(Rollout.resume, Control(actor="ann"))

    async def approved() -> bool:
        try:
            await handle.execute_update(Rollout.approve, order)
        except WorkflowUpdateFailedError:  # a second has passed again on a slow machine
            await handle.signal(Rollout.resume, Control(actor="ann"))
            return False
        return True

    await stage.until("it is approved", approved, bool)
    await stage.until_percentage("holds", 100)


async def test_a_component_cools_down_before_its_retry(stage: Stage) -> None:
    ramp = steps(10, 100, hold=LONG)
    migration = await stage.start_one(component("search", ramp=ramp, cooldown=LONG))
    await stage.until_percentage("search", 10)
    order = ComponentControl(component="search", actor="ann", reason="fixed")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await stage.phase("first").execute_update(Phase.retry, order)
    assert kind(refused) == "NotWaiting"
    await stage.begin_rollback("search")
    await stage.until_component(migration, "search", ComponentStatus.ROLLED_BACK)

    async def refusal() -> str | None:
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await stage.phase("first").execute_update(Phase.retry, order)
        return kind(refused)

    await stage.until("it cools down", refusal, lambda seen: seen == "CoolingDown")
    with pytest.raises(WorkflowUpdateFailedError) as without:
        await stage.phase("first").execute_update(Phase.skip, replace(order, reason=" "))
    assert kind(without) == "ReasonRequired"


async def test_a_retired_component_outlives_the_stop_of_its_migration(stage: Stage) -> None:
    live = component("live", ramp=steps(10, 100, hold=LONG), depends_on=("gone", "done"))
    short = (component(name, ramp=steps(100), bake=timedelta(0)) for name in ("gone", "done"))
    migration = await stage.start_phase(*short, live, policy=ON_ITS_OWN)
    await stage.until_percentage("live", 10)
    order = ComponentControl(component="live", actor="ann", reason="deleted")
    handle: WorkflowHandle[Any, Any] = stage.client.get_workflow_handle(stage.migration().id)
    for senseless, why in ((order, "NotComplete"), (replace(order, component="gone", reason=""), "ReasonRequired")):
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(Migration.retire, senseless)
        assert kind(refused) == why
    assert await handle.execute_update(Migration.retire, replace(order, component="gone")) == "gone is retired"
    await handle.signal(Migration.emergency_stop, Control(actor="ann", reason="fire"))
    await stage.until_status(migration, MigrationStatus.FAILED)
    served = {name: (await stage.flag(name)).served_percentage for name in ("gone", "done", "live")}
    assert served == {"gone": Decimal(100), "done": Decimal(0), "live": Decimal(0)}
    assert (await stage.components(migration))["gone"] is ComponentStatus.COMPLETED
