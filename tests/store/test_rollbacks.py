from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import ComponentIsLive, Fenced, NothingToRollBack, UnknownRollback
from crossfade.flags import Conditions, Flag
from crossfade.percentages import ZERO
from crossfade.plan.resolved import FlagPlan, RollbackPlan
from crossfade.states import ComponentStatus, RollbackState, RollbackTrigger, RunState, Variant
from store import components, flags, outbox, rollbacks, runs, stops
from store.flags import Change
from store.identifiers import uuid7
from store.rollbacks import Rollback
from tests.builders import (
    ENVIRONMENT,
    begun_run,
    completed_run,
    effect,
    judge,
    publish,
    roll_back,
    served_run,
    started_migration,
)

FORMER = Change(
    enabled=True,
    percentage=Decimal("12.345"),
    conditions=Conditions(environment=ENVIRONMENT, user_groups=("beta",)),
    overrides={"u-1": Variant.CANDIDATE, "u-2": Variant.LEGACY},
    fallback_enabled=False,
    salt="pepper",
    targeting_key="accountId",
)


async def flag_of(connection: AsyncConnection, name: str = "search") -> Flag:
    return await flags.get(connection, environment=ENVIRONMENT, name=name)


async def put(connection: AsyncConnection, change: Change) -> Flag:
    return await flags.put(connection, environment=ENVIRONMENT, name="search", change=change, actor="ann", reason="")


async def finish(
    connection: AsyncConnection, rollback: Rollback, state: RollbackState = RollbackState.COMPLETED
) -> Rollback:
    return await rollbacks.finish(connection, rollback_id=rollback.id, epoch=rollback.epoch, state=state)


async def test_a_rollback_serves_legacy_at_once_in_a_new_epoch(connection: AsyncConnection) -> None:
    run = await served_run(connection, percentage=25)
    rollback = await roll_back(connection, trigger=RollbackTrigger.THRESHOLD, evidence={"bound": 0.031})
    flag, stored = await flag_of(connection), await runs.get(connection, run.id)
    assert (flag.ceiling, flag.served_percentage, flag.shadow_share) == (ZERO, ZERO, ZERO)
    assert flag.epoch == stored.epoch == rollback.epoch > run.epoch
    assert (stored.state, stored.percentage) == (RunState.ROLLING_BACK, ZERO)
    assert (rollback.run_id, rollback.from_percentage, rollback.to_percentage) == (run.id, Decimal(25), ZERO)
    assert (rollback.state, rollback.evidence, rollback.created) == (RollbackState.RUNNING, {"bound": 0.031}, True)


async def test_the_steps_of_a_rollback_are_those_of_the_plan(connection: AsyncConnection) -> None:
    await served_run(connection, rollback=RollbackPlan(steps=("disable_flag", "drain", "notify")))
    rollback = await roll_back(connection)
    assert [(step.name, step.state) for step in rollback.steps] == [
        ("disable_flag", "pending"),
        ("drain", "pending"),
        ("notify", "pending"),
    ]


async def test_whoever_comes_second_gets_the_first_one_s_rollback(connection: AsyncConnection) -> None:
    run = await served_run(connection)
    first = await roll_back(connection, reason="mine")
    second = await roll_back(connection, reason="yours", run_id=run.id, epoch=run.epoch)
    assert (second.id, second.reason, second.created) == (first.id, "mine", False)
    await finish(connection, first)
    third = await roll_back(connection)
    assert (third.id, third.created) == (first.id, False)


async def test_a_rollback_queues_its_workflow_and_word_to_that_of_the_run(connection: AsyncConnection) -> None:
    run = await served_run(connection)
    rollback = await roll_back(connection)
    messages = await outbox.take(connection)
    assert [(each.kind, each.name, each.workflow_id) for each in messages] == [
        ("start", "Rollback", "rollback/test/search/1"),
        ("signal", "roll_back", "rollout/test/search"),
    ]
    assert messages[0].payload["rollback_id"] == str(rollback.id)
    assert messages[1].payload["run_id"] == str(run.id)


async def test_a_completed_run_can_be_rolled_back(connection: AsyncConnection) -> None:
    run = await completed_run(connection)
    rollback = await roll_back(connection)
    await finish(connection, rollback)
    assert rollback.from_percentage == 100
    assert (await runs.get(connection, run.id)).state is RunState.ROLLED_BACK


async def test_a_flag_raised_by_hand_while_it_is_rolled_back_goes_to_legacy_again(connection: AsyncConnection) -> None:
    await put(connection, FORMER)
    first = await roll_back(connection)
    await put(connection, Change(percentage=Decimal(40)))

    second = await roll_back(connection)

    flag = await flag_of(connection)
    assert (second.id, second.created) == (first.id, False)
    assert (flag.ceiling, flag.served_percentage, flag.epoch) == (ZERO, ZERO, first.epoch)
    assert (await finish(connection, first)).state is RollbackState.COMPLETED


async def test_a_flag_set_by_hand_can_be_rolled_back(connection: AsyncConnection) -> None:
    await put(connection, Change(enabled=True, percentage=Decimal(30)))
    rollback = await roll_back(connection)
    assert (rollback.run_id, rollback.from_percentage, rollback.attempt) == (None, Decimal(30), 1)
    assert (await flag_of(connection)).served_percentage == 0
    assert (await roll_back(connection)).id == rollback.id
    assert [each.name for each in await outbox.take(connection)] == ["Rollback"]
    with pytest.raises(ComponentIsLive, match="search"):
        await started_migration(connection)
    with pytest.raises(ComponentIsLive, match=str(rollback.id)):
        await begun_run(connection)
    await finish(connection, rollback)
    assert (await begun_run(connection)).attempt == 2


async def test_there_is_nothing_to_roll_back_without_flag_or_traffic(connection: AsyncConnection) -> None:
    with pytest.raises(NothingToRollBack):
        await roll_back(connection)
    await put(connection, Change(percentage=Decimal(30)))
    with pytest.raises(NothingToRollBack):
        await roll_back(connection)


async def test_an_automatic_rollback_of_an_older_run_is_fenced(connection: AsyncConnection) -> None:
    old = await completed_run(connection)
    new = await served_run(connection)
    with pytest.raises(Fenced):
        await roll_back(connection, run_id=old.id)
    with pytest.raises(Fenced):
        await roll_back(connection, run_id=new.id, epoch=new.epoch - 1)
    assert (await flag_of(connection)).served_percentage == 10


async def test_a_late_rollback_of_a_run_that_is_over_leaves_what_was_set_by_hand_since(
    connection: AsyncConnection,
) -> None:
    run = await served_run(connection)
    own = await roll_back(connection, run_id=run.id)
    await finish(connection, own)
    await put(connection, Change(percentage=Decimal(40)))
    late = await roll_back(connection, run_id=run.id)
    assert (late.id, late.created) == (own.id, False)
    assert (await flag_of(connection)).served_percentage == 40


async def test_a_late_step_after_a_rollback_is_fenced(connection: AsyncConnection) -> None:
    run = await served_run(connection)
    await roll_back(connection)
    with pytest.raises(Fenced):
        await publish(connection, run, step=2, percentage=50)
    assert (await flag_of(connection)).served_percentage == 0


async def test_the_former_configuration_comes_back_exactly_at_zero(connection: AsyncConnection) -> None:
    former = await put(connection, FORMER)
    planned = FlagPlan(conditions=Conditions(user_groups=("staff",)), salt="salt")
    await served_run(connection, flag=planned)
    rollback = await roll_back(connection)
    await rollbacks.restore_configuration(connection, rollback_id=rollback.id, epoch=rollback.epoch)
    await finish(connection, rollback)
    flag = await flag_of(connection)
    for name in ("conditions", "overrides", "fallback_enabled", "salt", "targeting_key"):
        assert getattr(flag, name) == getattr(former, name)
    assert (flag.percentage, flag.ceiling, flag.is_live) == (ZERO, ZERO, False)


async def test_restoring_twice_publishes_once(connection: AsyncConnection) -> None:
    await put(connection, FORMER)
    await served_run(connection)
    rollback = await roll_back(connection)
    words: dict[str, Any] = {"rollback_id": rollback.id, "epoch": rollback.epoch}
    first = await rollbacks.restore_configuration(connection, **words)
    assert await rollbacks.restore_configuration(connection, **words) == first


async def test_the_former_percentage_comes_back_only_where_that_was_asked_for(connection: AsyncConnection) -> None:
    await put(connection, FORMER)
    await served_run(connection)
    rollback = await roll_back(connection, restore="previous")
    await rollbacks.disable_flag(connection, rollback_id=rollback.id, epoch=rollback.epoch)
    await rollbacks.restore_configuration(connection, rollback_id=rollback.id, epoch=rollback.epoch)
    assert (await flag_of(connection)).served_percentage == 0
    await finish(connection, rollback)
    assert (await flag_of(connection)).served_percentage == Decimal("12.345")


async def test_a_stop_after_the_rollback_keeps_the_former_percentage_away(connection: AsyncConnection) -> None:
    await put(connection, FORMER)
    migration = await started_migration(connection)
    await served_run(connection, migration_id=migration.id)
    rollback = await roll_back(connection, restore="previous")
    await stops.stop(connection, environment=ENVIRONMENT, migration_id=migration.id, actor="ann", reason="fire")
    await finish(connection, rollback)
    assert (await flag_of(connection)).served_percentage == 0


async def test_a_rollback_that_failed_ends_its_run_and_brings_no_percentage_back(connection: AsyncConnection) -> None:
    await put(connection, FORMER)
    run = await served_run(connection)
    rollback = await roll_back(connection, restore="previous")
    ended = await finish(connection, rollback, RollbackState.FAILED)
    assert ended.state is RollbackState.FAILED
    assert (await runs.get(connection, run.id)).state is RunState.ROLLED_BACK
    assert (await flag_of(connection)).served_percentage == 0


async def test_steps_tell_how_they_went(connection: AsyncConnection) -> None:
    await served_run(connection)
    rollback = await roll_back(connection)
    words: dict[str, Any] = {"rollback_id": rollback.id, "epoch": rollback.epoch, "name": "disable_flag"}
    await rollbacks.step_started(connection, **words)
    await rollbacks.step_finished(connection, **words, ok=False, detail="no answer")
    await rollbacks.step_started(connection, **words)
    await rollbacks.step_finished(connection, **words, ok=True, detail="done")
    (step, *others) = (await rollbacks.get(connection, rollback_id=rollback.id)).steps
    assert (step.state, step.attempts, step.detail) == ("completed", 2, "done")
    assert step.started_at is not None
    assert step.finished_at is not None
    assert {other.state for other in others} == {"pending"}


async def test_finishing_twice_gives_the_first_result(connection: AsyncConnection) -> None:
    await served_run(connection)
    rollback = await roll_back(connection)
    assert await finish(connection, rollback) == await finish(connection, rollback, RollbackState.FAILED)


async def test_a_writer_of_another_epoch_cannot_touch_a_rollback(connection: AsyncConnection) -> None:
    await served_run(connection)
    rollback = await roll_back(connection)
    with pytest.raises(Fenced):
        await rollbacks.disable_flag(connection, rollback_id=rollback.id, epoch=rollback.epoch + 1)
    with pytest.raises(UnknownRollback):
        await rollbacks.disable_flag(connection, rollback_id=uuid7(), epoch=rollback.epoch)


async def test_a_rollback_of_another_environment_is_unknown(connection: AsyncConnection) -> None:
    await served_run(connection)
    rollback = await roll_back(connection)
    with pytest.raises(UnknownRollback):
        await rollbacks.get(connection, rollback_id=rollback.id, environment="staging")
    assert await rollbacks.list(connection, environment="staging") == ()


async def test_the_component_follows_its_run(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    await served_run(connection, migration_id=migration.id)
    rollback = await roll_back(connection)
    rolling = await components.get(connection, migration_id=migration.id, name="search")
    await finish(connection, rollback)
    rolled = await components.get(connection, migration_id=migration.id, name="search")
    assert (rolling.status, rolled.status) == (ComponentStatus.ROLLING_BACK, ComponentStatus.ROLLED_BACK)
    assert rolled.run_id == rollback.run_id


@pytest.mark.parametrize("status", [ComponentStatus.RAMPING, ComponentStatus.HELD, ComponentStatus.BAKING])
async def test_what_a_rollout_says_of_itself_comes_too_late_once_it_is_taken_back(
    connection: AsyncConnection, status: ComponentStatus
) -> None:
    migration = await started_migration(connection)
    await served_run(connection, migration_id=migration.id)

    async def say() -> None:
        await components.set_status(
            connection, migration_id=migration.id, name="search", status=status, actor="crossfade"
        )

    rollback = await roll_back(connection)
    with pytest.raises(Fenced):
        await say()
    await finish(connection, rollback)
    with pytest.raises(Fenced):
        await say()
    component = await components.get(connection, migration_id=migration.id, name="search")
    assert component.status is ComponentStatus.ROLLED_BACK


async def test_a_component_that_is_skipped_while_its_rollback_ends_stays_skipped(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    await served_run(connection, migration_id=migration.id)
    rollback = await roll_back(connection)
    await components.set_status(
        connection, migration_id=migration.id, name="search", status=ComponentStatus.SKIPPED, actor="ann"
    )
    await finish(connection, rollback)
    component = await components.get(connection, migration_id=migration.id, name="search")
    assert (component.status, component.run_id) == (ComponentStatus.SKIPPED, rollback.run_id)


async def test_a_component_is_tried_again_only_after_the_steps_of_its_rollback(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    await served_run(connection, migration_id=migration.id)
    rollback = await roll_back(connection)

    async def try_again() -> components.Component:
        return await components.set_status(
            connection, migration_id=migration.id, name="search", status=ComponentStatus.PENDING, actor="ann"
        )

    with pytest.raises(ComponentIsLive, match=str(rollback.run_id)):
        await try_again()
    await finish(connection, rollback)
    assert (await try_again()).status is ComponentStatus.PENDING


async def test_a_preview_tells_the_steps_and_changes_nothing(connection: AsyncConnection) -> None:
    await served_run(connection, percentage=25)
    target = await rollbacks.preview(connection, environment=ENVIRONMENT, component="search")
    assert target.steps == RollbackPlan().steps
    assert target.flag.served_percentage == 25
    assert (await flag_of(connection)).served_percentage == 25


async def test_after_a_rollback_a_new_run_starts_at_zero_in_a_new_epoch(connection: AsyncConnection) -> None:
    await served_run(connection)
    rollback = await roll_back(connection)
    await finish(connection, rollback)
    run = await begun_run(connection)
    assert run.epoch > rollback.epoch
    assert (await flag_of(connection)).served_percentage == 0
    await publish(connection, run, percentage=10)
    assert (await flag_of(connection)).served_percentage == 10


async def test_a_rollback_during_the_bake_wins_over_completion(connection: AsyncConnection) -> None:
    run = await served_run(connection, percentage=100)
    await judge(connection, run)
    await runs.bake(connection, run_id=run.id, epoch=run.epoch, actor="crossfade", effect=effect())
    await roll_back(connection)
    with pytest.raises(Fenced):
        await runs.complete(connection, run_id=run.id, epoch=run.epoch, actor="crossfade", effect=effect())
