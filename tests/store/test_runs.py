from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import (
    ComponentIsLive,
    Fenced,
    PreconditionFailed,
    RaisesPercentage,
    StaleReading,
    Stopped,
    UnknownComponent,
)
from crossfade.flags import Conditions, Flag, from_definition
from crossfade.percentages import ZERO
from crossfade.plan.resolved import FlagPlan
from crossfade.states import RollbackState, RunState, Variant, Verdict
from store import audit, flags, monitors, outbox, rollbacks, runs, stops
from store.flags import Change
from tests.builders import (
    ENVIRONMENT,
    begun_run,
    completed_run,
    component,
    effect,
    judge,
    publish,
    roll_back,
    served_run,
    started_migration,
)


async def flag_of(connection: AsyncConnection, name: str = "search") -> Flag:
    return await flags.get(connection, environment=ENVIRONMENT, name=name)


async def test_a_run_begins_at_zero_with_the_flag_of_its_plan(connection: AsyncConnection) -> None:
    planned = FlagPlan(targeting_key="userId", fallback_enabled=False, conditions=Conditions(user_groups=("beta",)))
    run = await begun_run(connection, flag=planned)
    flag = await flag_of(connection)
    assert (run.state, run.step, run.percentage, run.former_configuration) == (RunState.RAMPING, 0, ZERO, None)
    assert (flag.enabled, flag.percentage, flag.ceiling, flag.is_live) == (True, ZERO, ZERO, True)
    assert (flag.conditions, flag.fallback_enabled) == (planned.conditions, False)
    assert (flag.targeting_key, flag.salt) == ("userId", "search")
    assert flag.epoch == run.epoch == 1


async def test_a_run_keeps_the_configuration_before_it_and_the_overrides(connection: AsyncConnection) -> None:
    former = await flags.put(
        connection,
        environment=ENVIRONMENT,
        name="search",
        change=Change(enabled=True, percentage=Decimal("12.345"), overrides={"u-1": Variant.CANDIDATE}, salt="pepper"),
        actor="ann",
        reason="",
    )
    run = await begun_run(connection)
    assert run.former_configuration is not None
    assert from_definition(run.former_configuration) == former
    assert (await flag_of(connection)).overrides == {"u-1": Variant.CANDIDATE}


async def test_beginning_twice_for_one_effect_gives_the_first_run_and_writes_nothing(
    connection: AsyncConnection,
) -> None:
    words: dict[str, Any] = {
        "environment": ENVIRONMENT,
        "component": "search",
        "phase": "phase-1",
        "actor": "crossfade",
    }
    first = await runs.begin(connection, migration_id=None, plan=component(), effect="same", **words)
    rows = await audit.find_all(connection, environment=ENVIRONMENT)
    second = await runs.begin(connection, migration_id=None, plan=component(), effect="same", **words)
    assert second.id == first.id
    assert await audit.find_all(connection, environment=ENVIRONMENT) == rows


async def test_a_second_live_run_of_a_component_is_refused_with_the_id_of_the_first(
    connection: AsyncConnection,
) -> None:
    run = await begun_run(connection)
    with pytest.raises(ComponentIsLive, match=str(run.id)):
        await begun_run(connection)


async def test_the_database_itself_refuses_a_second_live_run(connection: AsyncConnection) -> None:
    await begun_run(connection)
    columns = "environment, component, phase, epoch, step, percentage, plan, actor, started_at, state"
    copy = text(f"insert into runs (id, attempt, {columns}) select :id, 2, {columns} from runs")
    with pytest.raises(IntegrityError, match="uq_runs_live"):
        await connection.execute(copy, {"id": uuid4()})


async def test_environments_have_runs_of_their_own(connection: AsyncConnection) -> None:
    here, there = await begun_run(connection), await begun_run(connection, environment="staging")
    assert [run.id for run in await runs.live(connection, ENVIRONMENT)] == [here.id]
    assert [run.id for run in await runs.live(connection, "staging")] == [there.id]


async def test_attempts_count_on_and_each_has_a_higher_epoch(connection: AsyncConnection) -> None:
    first = await completed_run(connection)
    second = await begun_run(connection)
    assert (first.attempt, second.attempt) == (1, 2)
    assert second.epoch > first.epoch


async def test_a_step_serves_its_percentage_under_its_own_revision(connection: AsyncConnection) -> None:
    run = await begun_run(connection)
    published = await publish(connection, run, step=1, percentage=12.5)
    flag, stored = await flag_of(connection), await runs.get(connection, run.id)
    assert flag.served_percentage == published.percentage == stored.percentage == Decimal("12.5")
    assert flag.revision == published.revision == stored.revision
    assert (stored.step, stored.published_at) == (1, published.published_at)
    row = (
        await connection.execute(
            text("select run_id, step, epoch from flag_revisions where environment = :e and revision = :r"),
            {"e": ENVIRONMENT, "r": published.revision},
        )
    ).one()
    assert tuple(row) == (run.id, 1, run.epoch)


async def test_publishing_a_step_twice_gives_the_first_result_and_writes_nothing(connection: AsyncConnection) -> None:
    run = await begun_run(connection)
    words: dict[str, Any] = {
        "run_id": run.id,
        "epoch": run.epoch,
        "actor": "crossfade",
        "reason": "",
        "effect": "step-1",
    }
    first = await runs.publish_step(connection, step=1, percentage=Decimal(10), require_reading=False, **words)
    rows = await audit.find_all(connection, environment=ENVIRONMENT)
    second = await runs.publish_step(connection, step=1, percentage=Decimal(10), require_reading=False, **words)
    assert second == first
    assert await audit.find_all(connection, environment=ENVIRONMENT) == rows


async def test_a_step_published_before_a_rollback_still_answers_its_repetition_with_the_first_result(
    connection: AsyncConnection,
) -> None:
    run = await begun_run(connection)
    words: dict[str, Any] = {
        "run_id": run.id,
        "epoch": run.epoch,
        "actor": "crossfade",
        "reason": "",
        "effect": "step-1",
    }
    first = await runs.publish_step(connection, step=1, percentage=Decimal(10), require_reading=False, **words)
    await roll_back(connection)
    again = await runs.publish_step(connection, step=1, percentage=Decimal(10), require_reading=False, **words)
    assert again == first
    assert (await flag_of(connection)).served_percentage == 0


@pytest.mark.parametrize("epoch_offset", [-1, 1])
async def test_a_writer_of_another_epoch_is_fenced(connection: AsyncConnection, epoch_offset: int) -> None:
    run = await begun_run(connection)
    with pytest.raises(Fenced):
        await runs.publish_step(
            connection,
            run_id=run.id,
            epoch=run.epoch + epoch_offset,
            step=1,
            percentage=Decimal(10),
            actor="crossfade",
            reason="",
            effect=effect(),
            require_reading=False,
        )
    assert (await flag_of(connection)).served_percentage == 0


async def test_a_held_run_publishes_no_step(connection: AsyncConnection) -> None:
    run = await served_run(connection)
    await runs.lower(
        connection, environment=ENVIRONMENT, component="search", percentage=Decimal(5), actor="ann", reason=""
    )
    with pytest.raises(Fenced, match="held"):
        await publish(connection, run, step=2, percentage=50)


async def test_a_step_needs_a_good_and_fresh_reading_of_the_step_before(connection: AsyncConnection) -> None:
    run = await served_run(connection)
    with pytest.raises(StaleReading, match="nothing has been judged"):
        await publish(connection, run, step=2, percentage=50, require_reading=True)
    await judge(connection, run)
    published = await publish(connection, run, step=2, percentage=50, require_reading=True)
    assert published.percentage == 50


@pytest.mark.parametrize(
    "bad",
    [{"step": 0}, {"verdict": "fail"}, {"verdict": "no_data"}, {"no_data": True}, {"source_error": True}],
)
async def test_a_bad_reading_lets_no_step_be_published(connection: AsyncConnection, bad: dict[str, object]) -> None:
    run = await served_run(connection)
    await judge(connection, run, **bad)
    with pytest.raises(StaleReading):
        await publish(connection, run, step=2, percentage=50, require_reading=True)


@pytest.mark.parametrize(
    "older",
    [
        "update run_readings set judged_at = judged_at - interval '6 seconds'",
        "update monitors set ticked_at = ticked_at - interval '6 seconds'",
    ],
)
async def test_an_old_reading_or_a_silent_monitor_lets_no_step_be_published(
    connection: AsyncConnection, older: str
) -> None:
    run = await served_run(connection)
    await judge(connection, run)
    await connection.execute(text(older))
    with pytest.raises(StaleReading, match="s ago"):
        await publish(connection, run, step=2, percentage=50, require_reading=True)


async def test_a_reading_comes_back_with_its_run(connection: AsyncConnection) -> None:
    run = await served_run(connection)
    await judge(connection, run, samples=412, bound=float("nan"))
    stored = await runs.get(connection, run.id)
    assert stored.reading is not None
    assert (stored.reading["samples"], stored.reading["bound"]) == (412, None)
    assert stored.judged_at is not None
    assert await monitors.age(connection, ENVIRONMENT) is not None


async def test_a_percentage_set_by_a_person_holds_the_run(connection: AsyncConnection) -> None:
    run = await served_run(connection)
    words: dict[str, Any] = {"run_id": run.id, "epoch": run.epoch, "actor": "ann", "reason": "slower", "effect": "set"}
    first = await runs.set_percentage(connection, percentage=Decimal("33.333"), **words)
    flag, stored = await flag_of(connection), await runs.get(connection, run.id)
    assert (stored.state, stored.percentage) == (RunState.HELD, Decimal("33.333"))
    assert (flag.percentage, flag.ceiling) == (Decimal("33.333"), Decimal("33.333"))
    assert await runs.set_percentage(connection, percentage=Decimal("33.333"), **words) == first


async def test_a_percentage_is_not_set_on_a_flag_that_has_changed_since_it_was_read(
    connection: AsyncConnection,
) -> None:
    run = await served_run(connection)
    read = (await flag_of(connection)).revision
    words: dict[str, Any] = {"run_id": run.id, "epoch": run.epoch, "actor": "ann", "reason": "look", "revision": read}
    await runs.set_percentage(connection, percentage=Decimal(30), effect="first", **words)
    with pytest.raises(PreconditionFailed):
        await runs.set_percentage(connection, percentage=Decimal(40), effect="second", **words)
    assert (await flag_of(connection)).percentage == 30


async def test_lowering_works_without_the_workflow_and_tells_it(connection: AsyncConnection) -> None:
    run = await served_run(connection, percentage=50)
    published = await runs.lower(
        connection, environment=ENVIRONMENT, component="search", percentage=Decimal(20), actor="ann", reason="slower"
    )
    assert (await flag_of(connection)).served_percentage == published.percentage == 20
    assert (await runs.get(connection, run.id)).state is RunState.HELD
    (message,) = [each for each in await outbox.take(connection) if each.name == "hold"]
    assert (message.workflow_id, message.payload["percentage"]) == ("rollout/test/search", 20)


async def test_disabling_a_live_flag_holds_it_at_zero_and_resume_enables_it(connection: AsyncConnection) -> None:
    run = await served_run(connection, percentage=50)
    await runs.lower(connection, environment=ENVIRONMENT, component="search", enabled=False, actor="ann", reason="wait")
    flag = await flag_of(connection)
    assert (flag.enabled, flag.served_percentage) == (False, ZERO)
    await resume(connection, run, step=0, percentage=0)
    assert (await flag_of(connection)).enabled
    await publish(connection, run, step=1, percentage=10)
    assert (await flag_of(connection)).served_percentage == 10


async def test_a_held_run_resumes_at_a_step_with_a_revision_of_its_own(connection: AsyncConnection) -> None:
    run = await served_run(connection, percentage=50)
    held = await runs.lower(
        connection, environment=ENVIRONMENT, component="search", percentage=Decimal(20), actor="ann", reason=""
    )
    resumed = await resume(connection, run, step=1, percentage=10)
    stored = await runs.get(connection, run.id)
    assert (stored.state, stored.step, stored.percentage) == (RunState.RAMPING, 1, Decimal(10))
    assert resumed.revision > held.revision


async def test_resuming_never_raises_what_a_person_has_lowered(connection: AsyncConnection) -> None:
    run = await served_run(connection, percentage=50)
    await runs.lower(
        connection, environment=ENVIRONMENT, component="search", percentage=Decimal(5), actor="ann", reason=""
    )
    with pytest.raises(RaisesPercentage):
        await resume(connection, run, step=1, percentage=10)
    assert (await flag_of(connection)).served_percentage == 5


async def resume(connection: AsyncConnection, run: runs.Run, *, step: int, percentage: int) -> runs.Published:
    return await runs.resume(
        connection,
        run_id=run.id,
        epoch=run.epoch,
        step=step,
        percentage=Decimal(percentage),
        actor="ann",
        effect=effect(),
    )


async def test_lowering_never_raises(connection: AsyncConnection) -> None:
    await served_run(connection, percentage=10)
    with pytest.raises(RaisesPercentage):
        await runs.lower(
            connection, environment=ENVIRONMENT, component="search", percentage=Decimal(11), actor="ann", reason=""
        )


async def test_there_is_nothing_to_lower_without_a_live_run(connection: AsyncConnection) -> None:
    await completed_run(connection)
    with pytest.raises(UnknownComponent):
        await runs.lower(connection, environment=ENVIRONMENT, component="search", actor="ann", reason="")


async def test_a_run_bakes_and_completes_and_its_flag_needs_no_lease_then(connection: AsyncConnection) -> None:
    run = await served_run(connection, percentage=100)
    await judge(connection, run)
    baking = await runs.bake(connection, run_id=run.id, epoch=run.epoch, actor="crossfade", effect="bake")
    assert baking.state is RunState.BAKING
    done = await runs.complete(connection, run_id=run.id, epoch=run.epoch, actor="crossfade", effect="done")
    assert (done.state, done.finished_at is not None) == (RunState.COMPLETED, True)
    flag = await flag_of(connection)
    assert (flag.is_live, flag.served_percentage) == (False, Decimal(100))
    again = await runs.complete(connection, run_id=run.id, epoch=run.epoch, actor="crossfade", effect="done")
    assert again == done


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NO_DATA])
async def test_a_run_neither_bakes_nor_completes_without_a_passing_reading(
    connection: AsyncConnection, verdict: Verdict
) -> None:
    run = await served_run(connection, percentage=100)
    await judge(connection, run, verdict=verdict)
    with pytest.raises(StaleReading):
        await runs.bake(connection, run_id=run.id, epoch=run.epoch, actor="crossfade", effect="bake")
    with pytest.raises(StaleReading):
        await runs.complete(connection, run_id=run.id, epoch=run.epoch, actor="crossfade", effect="done")


async def test_a_run_of_a_migration_that_has_ended_cannot_begin(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    await stops.stop(connection, environment=ENVIRONMENT, migration_id=migration.id, actor="ann", reason="fire")
    with pytest.raises(Stopped, match="failed"):
        await begun_run(connection, migration_id=migration.id)


@pytest.mark.parametrize("state", ["ramping", "held", "baking", "completed"])
async def test_the_database_itself_keeps_an_ended_run_ended(connection: AsyncConnection, state: str) -> None:
    run = await served_run(connection)
    rollback = await roll_back(connection)
    await rollbacks.finish(connection, rollback_id=rollback.id, epoch=rollback.epoch, state=RollbackState.COMPLETED)
    with pytest.raises(IntegrityError, match="cannot become"):
        await connection.execute(text("update runs set state = :s where id = :id"), {"s": state, "id": run.id})


async def test_the_database_itself_refuses_a_ceiling_above_the_step(connection: AsyncConnection) -> None:
    await served_run(connection, percentage=10)
    with pytest.raises(IntegrityError, match="exceeds the current step"):
        await connection.execute(text("update feature_flags set ceiling = 10.001"))


async def test_a_person_s_order_is_recorded_once(connection: AsyncConnection) -> None:
    run = await served_run(connection)
    for _ in range(2):
        await runs.record(
            connection, run_id=run.id, action="run.approve", step=2, actor="ann", reason="fine", effect="approve"
        )
    rows = await audit.find_all(connection, environment=ENVIRONMENT, kind="run")
    assert [(row.actor, row.step) for row in rows if row.action == "run.approve"] == [("ann", 2)]


async def test_attempts_are_counted_by_migration(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    await completed_run(connection)
    await begun_run(connection, migration_id=migration.id)
    assert await runs.attempts(connection, migration_id=migration.id, component="search") == 1
