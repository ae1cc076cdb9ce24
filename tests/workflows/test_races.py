"""What happens at once: each race is run by several components at the same time, with the moments shifted a little."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from temporalio.client import WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy

from crossfade.plan.resolved import ComponentPlan, OnComponentRollback, PhasePlan, Policy
from crossfade.states import ComponentStatus, MigrationStatus, RollbackTrigger, RunState
from tests.workflows.company import TASK_QUEUE
from tests.workflows.plans import APPROVAL, LONG, component, steps
from tests.workflows.stage import Stage
from workflows.messages import (
    Approve,
    Hold,
    RollBack,
    RolloutInput,
    RolloutResult,
    SetPercentage,
    rollout_id,
)
from workflows.rollout import Rollout

MANY = 4
ALL_AT_ONCE = Policy(max_components_ramping=50, on_component_rollback=OnComponentRollback.CONTINUE)


def names(race: str) -> list[str]:
    return [f"{race}-{number}" for number in range(MANY)]


async def served_after(stage: Stage, name: str, action: str) -> list[Decimal]:
    """What the revisions of a flag serve that follow the first audit row of this action."""
    query = text(
        "select revisions.definition from flag_revisions as revisions"
        " where revisions.environment = :environment and revisions.name = :name and revisions.revision > ("
        "   select min((after->>'revision')::bigint) from audit_log where environment = :environment"
        "   and kind = 'flag' and key = :name and action = :action) order by revisions.revision"
    )
    async with stage.engine.begin() as connection:
        values = {"environment": stage.environment, "name": name, "action": action}
        rows = (await connection.execute(query, values)).scalars()
        return [min(Decimal(str(row["percentage"])), Decimal(str(row["ceiling"]))) for row in rows]


# -- an update that comes with the start


async def test_an_update_that_comes_with_the_start_is_obeyed(stage: Stage) -> None:
    ramp = (*steps(10, hold=LONG, approval=APPROVAL), *steps(100, hold=LONG))
    parts = [component(f"{order}-{name}", ramp=ramp) for order in ("set", "hold", "approve") for name in names("start")]
    migration = await unstarted(stage, parts)
    await asyncio.gather(*(start_with_order(stage, migration, part) for part in parts))
    for part in parts:
        state = await stage.state(part.name)
        expected = {"set": 30, "hold": 0, "approve": 10}[part.name.partition("-")[0]]
        await stage.until_percentage(part.name, expected)
        assert state.run_id
        assert (await stage.run_state(part.name) is RunState.HELD) == (expected != 10)
        await stage.rollout(part.name).terminate()


async def unstarted(stage: Stage, parts: list[ComponentPlan]) -> UUID:
    """A migration whose workflow nobody starts: the test starts the rollouts itself."""
    plan = PhasePlan(name="first", components=tuple(parts))
    return await stage.start(plan, policy=ALL_AT_ONCE, is_started=False)


async def start_with_order(stage: Stage, migration: UUID, part: ComponentPlan) -> None:
    start: WithStartWorkflowOperation[Rollout, RolloutResult] = WithStartWorkflowOperation(
        Rollout.run,
        RolloutInput(
            environment=stage.environment,
            migration_id=str(migration),
            migration="test",
            phase="first",
            component=part,
        ),
        id=rollout_id(stage.environment, part.name),
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )
    client = stage.client
    if part.name.startswith("set"):
        order = SetPercentage(percentage=Decimal(30), actor="ann")
        await client.execute_update_with_start_workflow(Rollout.set_percentage, order, start_workflow_operation=start)
    elif part.name.startswith("hold"):
        await client.execute_update_with_start_workflow("hold", Hold(actor="ann"), start_workflow_operation=start)
    else:
        await client.execute_update_with_start_workflow(
            Rollout.approve, Approve(actor="ann", reason="from the start"), start_workflow_operation=start
        )


# -- a percentage by hand while the ramp publishes


async def test_a_percentage_by_hand_wins_over_a_ramp_that_publishes(stage: Stage) -> None:
    ramp = steps(*range(10, 100, 10), 100, hold=timedelta(0))
    parts = [component(f"{way}-{name}", ramp=ramp) for way in ("raise", "lower") for name in names("hand")]
    await stage.start_phase(*parts, policy=ALL_AT_ONCE)
    await asyncio.gather(*(by_hand(stage, part.name, number % MANY) for number, part in enumerate(parts)))


async def by_hand(stage: Stage, name: str, number: int) -> None:
    percentage, action = (Decimal(95), "run.set_percentage") if name.startswith("raise") else (Decimal(5), "run.lower")
    await stage.until(f"{name} on its way", lambda: stage.percentages(name), lambda seen: len(seen) > 2 + number % 3)
    if action == "run.lower":
        await stage.lower(name, int(percentage))
    else:
        await stage.rollout(name).execute_update(
            Rollout.set_percentage, SetPercentage(percentage=percentage, actor="ann")
        )
    state = await stage.until(f"{name} held", lambda: stage.state(name), lambda seen: seen.held)
    state = await stage.until(f"{name} agrees", lambda: stage.state(name), lambda seen: seen.percentage == percentage)
    assert (await stage.flag(name)).served_percentage == state.percentage == percentage
    assert await stage.run_state(name) is RunState.HELD
    assert set(await served_after(stage, name, action)) <= {percentage}


async def test_a_raise_that_follows_a_lowering_is_what_both_sides_believe(stage: Stage) -> None:
    """The word of the lowering comes through the outbox, after the raise."""
    parts = [component(name, ramp=steps(10, 100, hold=LONG)) for name in names("late")]
    await stage.start_phase(*parts, policy=ALL_AT_ONCE)
    await asyncio.gather(*(lower_and_raise(stage, part.name) for part in parts))


async def lower_and_raise(stage: Stage, name: str) -> None:
    await stage.until_percentage(name, 10)
    await stage.lower(name, 3)
    order = SetPercentage(percentage=Decimal(40), actor="ann")
    await stage.rollout(name).execute_update(Rollout.set_percentage, order)
    await stage.until_history(name, "told to hold at 3 %")
    state = await stage.until(f"{name} has looked", lambda: stage.state(name), lambda seen: seen.percentage == 40)
    assert state.held
    assert (await stage.flag(name)).served_percentage == Decimal(40)


# -- approval and breach in the same moment


async def test_a_breach_beats_an_approval_of_the_same_moment(stage: Stage) -> None:
    ramp = (*steps(10), *steps(100, hold=LONG, approval=APPROVAL))
    parts = [component(name, ramp=ramp) for name in names("both")]
    migration = await stage.start_phase(*parts, policy=ALL_AT_ONCE)
    await asyncio.gather(*(approve_and_breach(stage, migration, part.name) for part in parts))


async def approve_and_breach(stage: Stage, migration: UUID, name: str) -> None:
    await stage.until_waiting(migration, name, "approval of 100 %")
    order = Approve(actor="ann", reason="looks good")
    approved, _ = await asyncio.gather(
        stage.rollout(name).execute_update(Rollout.approve, order),
        stage.begin_rollback(name, trigger=RollbackTrigger.THRESHOLD),
        return_exceptions=True,
    )
    assert approved == "step 2 approved" or isinstance(approved, WorkflowUpdateFailedError)
    await stage.until_component(migration, name, ComponentStatus.ROLLED_BACK)
    (rollback,) = await stage.rollbacks(name)
    assert rollback.trigger is RollbackTrigger.THRESHOLD
    assert (await stage.flag(name)).served_percentage == Decimal(0)
    assert set(await served_after(stage, name, "rollback.begin")) <= {Decimal(0)}


# -- twenty rollbacks at once


async def test_twenty_rollbacks_at_once_are_one(stage: Stage) -> None:
    parts = [component(name, ramp=steps(10, 100, hold=LONG)) for name in names("once")[:3]]
    migration = await stage.start_phase(*parts, policy=ALL_AT_ONCE)
    await asyncio.gather(*(roll_back_twenty_times(stage, migration, part.name) for part in parts))


async def roll_back_twenty_times(stage: Stage, migration: UUID, name: str) -> None:
    await stage.until_percentage(name, 10)
    signals = (
        stage.rollout(name).signal(Rollout.roll_back, RollBack(actor=f"bob-{number}", reason="me too"))
        for number in range(5)
    )
    told = asyncio.gather(*signals, return_exceptions=True)  # the last ones may find that it has ended
    answers = await asyncio.gather(*(stage.begin_rollback(name) for _ in range(20)))
    await told
    await stage.until_component(migration, name, ComponentStatus.ROLLED_BACK)
    (rollback,) = await stage.rollbacks(name)
    assert {answer.id for answer in answers} == {rollback.id}
    assert sum(answer.created for answer in answers) <= 1
    assert [(step.state, step.attempts) for step in rollback.steps] == [("completed", 1)] * len(rollback.steps)
    again = await stage.begin_rollback(name)
    assert (again.id, again.created) == (rollback.id, False)


# -- a stop while a component completes


async def test_a_stop_while_a_component_completes_finds_it_complete_or_stops_it(stage: Stage) -> None:
    await asyncio.gather(
        *(stop_while_completing(stage, name, number * 0.1) for number, name in enumerate(names("end")))
    )


async def stop_while_completing(stage: Stage, name: str, shift: float) -> None:
    """Stop `shift` seconds after the bake has begun: before, while or after the run completes."""
    part = component(name, ramp=steps(100), bake=timedelta(milliseconds=100))
    migration = await stage.start(PhasePlan(name="first", components=(part,)), name=name)
    await stage.until_percentage(name, 100)
    await stage.until(f"{name} bakes", lambda: stage.run_state(name), lambda seen: seen is not RunState.RAMPING)
    await asyncio.sleep(shift)  # not for a condition: so that the stops fall on different moments of the end
    await stage.stop_one(migration)
    await stage.until_ended(name)
    run, rollbacks = await stage.run_state(name), await stage.rollbacks(name)
    status, parts = await stage.status(migration), await stage.components(migration)
    flag = await stage.flag(name)
    assert (flag.enabled, flag.served_percentage) == (False, Decimal(0))
    assert (run, [each.trigger for each in rollbacks]) in [
        (RunState.COMPLETED, []),
        (RunState.STOPPED, [RollbackTrigger.STOP]),
    ]
    assert parts == {name: ComponentStatus.STOPPED}
    assert await stage.migration(name).result() == status.value
    assert status is MigrationStatus.FAILED or run is RunState.COMPLETED
