"""What becomes of work whose workflow is gone, and of workflows whose row is."""

import os
from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from temporalio.client import WorkflowExecutionStatus

import local.temporal
import store.migrations
import store.rollbacks
from crossfade.states import ComponentStatus, MigrationStatus, PhaseStatus, RollbackState, RollbackTrigger, RunState
from local.home import remove
from store.reconciliation import Turn
from tests.local.folders import short_folder
from tests.workflows.company import TASK_QUEUE, company_at, reconciled, stage_of
from tests.workflows.plans import LONG, component, steps
from tests.workflows.stage import Stage
from workflows.messages import ComponentControl, Control, ValidationInput, monitor_id
from workflows.reconciler import Pace, Reconciler
from workflows.story import attributes

HOLDING = component("search", ramp=steps(10, 100, hold=LONG))


async def workflow_status(stage: Stage, workflow: str) -> WorkflowExecutionStatus | None:
    return (await stage.client.get_workflow_handle(workflow).describe()).status


async def until_workflow(stage: Stage, workflow: str, status: WorkflowExecutionStatus) -> None:
    await stage.until(
        f"{workflow} {status.name}", lambda: workflow_status(stage, workflow), lambda seen: seen is status
    )


async def until_run(stage: Stage, name: str, state: RunState) -> None:
    await stage.until(f"run of {name} {state}", lambda: stage.run_state(name), lambda seen: seen is state)


async def reason_of(stage: Stage, migration: UUID) -> str:
    async with stage.engine.begin() as connection:
        return (await store.migrations.get(connection, migration)).reason


async def test_a_rollout_that_is_terminated_in_temporal_is_made_safe(stage: Stage) -> None:
    migration = await stage.start_one(HOLDING)
    await stage.until_percentage("search", 10)
    async with reconciled(stage):
        await stage.rollout("search").terminate()
        await until_run(stage, "search", RunState.ROLLED_BACK)
    (rollback,) = await stage.rollbacks("search")
    assert rollback.trigger is RollbackTrigger.ABORT
    assert rollback.reason == "the workflow of its rollout has ended in Temporal: terminated"
    assert (await stage.flag("search")).served_percentage == 0
    await stage.until_phase(migration, "first", PhaseStatus.PAUSED)
    assert ("rollback.begin", "reconciler", rollback.reason) in await stage.audited()
    assert await stage.status(migration) is MigrationStatus.RUNNING


async def test_whoever_has_lost_its_turn_does_nothing_any_more(stage: Stage) -> None:
    await stage.start_one(HOLDING)
    await stage.until_percentage("search", 10)
    await stage.rollout("search").terminate()

    class LostInALook(Turn):
        looks = 0

        async def keep(self) -> None:
            self.looks += 1
            if self.looks == 2:
                async with stage.engine.connect() as other:
                    await other.execute(text("select pg_terminate_backend(:pid, 10000)"), {"pid": pid})
            await super().keep()

    async with stage.engine.connect() as connection:
        pid = (await connection.execute(text("select pg_backend_pid()"))).scalar_one()
        turn, at_once = LostInALook(connection), Pace(missing=0.0)
        reconciler = Reconciler(
            stage.engine, stage.client, stage.environment, turn, task_queue=TASK_QUEUE, pace=at_once
        )
        with pytest.raises(DBAPIError):
            await reconciler.look()
    assert turn.looks == 2
    assert not await stage.rollbacks("search")


async def test_without_the_reconciler_it_goes_on_serving_candidate(stage: Stage) -> None:
    """The twin: the phase knows, and nobody takes the traffic back."""
    migration = await stage.start_one(HOLDING)
    await stage.until_percentage("search", 10)
    await stage.rollout("search").terminate()
    await stage.until_phase(migration, "first", PhaseStatus.PAUSED)
    await stage.until_seconds(2)
    assert (await stage.flag("search")).served_percentage == Decimal(10)
    assert await stage.run_state("search") is RunState.RAMPING


async def test_a_rollback_whose_workflow_never_came_is_carried_out(stage: Stage) -> None:
    await stage.start_one(HOLDING)
    await stage.until_percentage("search", 10)
    begun = await begin_unheard(stage, "search", but="roll_back")
    async with reconciled(stage):
        await until_run(stage, "search", RunState.ROLLED_BACK)
    (rollback,) = await stage.rollbacks("search")
    assert rollback.id == begun
    assert rollback.state is RollbackState.COMPLETED


async def test_a_rollback_that_was_terminated_is_carried_out_again(stage: Stage) -> None:
    await stage.start_one(HOLDING)
    await stage.until_percentage("search", 10)
    await begin_unheard(stage, "search", but="roll_back")
    workflow = f"rollback/{stage.environment}/search/1"
    handle = await stage.client.start_workflow(
        "Rollback",
        {"environment": stage.environment, "rollback_id": str(uuid4())},
        id=workflow,
        task_queue="nobody listens",
        search_attributes=attributes(environment=stage.environment),
    )
    await handle.terminate()
    async with reconciled(stage):
        await until_run(stage, "search", RunState.ROLLED_BACK)


async def begin_unheard(stage: Stage, name: str, *, but: str) -> UUID:
    """A rollback that has begun in Postgres, and of whose messages only one is delivered."""
    async with stage.engine.begin() as connection:
        rollback = await store.rollbacks.begin(
            connection,
            environment=stage.environment,
            component=name,
            trigger=RollbackTrigger.MANUAL,
            actor="ann",
            reason="enough",
            evidence={},
        )
        lost = "update outbox set delivered_at = now() where environment = :environment and name <> :but"
        await connection.execute(text(lost), {"environment": stage.environment, "but": but})
    return rollback.id


async def test_a_rollout_that_missed_its_rollback_ends(stage: Stage) -> None:
    migration = await stage.start_one(HOLDING)
    await stage.until_percentage("search", 10)
    await begin_unheard(stage, "search", but="Rollback")
    await until_run(stage, "search", RunState.ROLLED_BACK)
    assert await workflow_status(stage, stage.rollout("search").id) is WorkflowExecutionStatus.RUNNING
    async with reconciled(stage):
        await until_workflow(stage, stage.rollout("search").id, WorkflowExecutionStatus.COMPLETED)
    await stage.until_phase(migration, "first", PhaseStatus.PAUSED)


async def test_a_migration_that_is_terminated_in_temporal_is_aborted(stage: Stage) -> None:
    migration = await stage.start_one(HOLDING)
    await stage.until_percentage("search", 10)
    async with reconciled(stage):
        await stage.migration().terminate()
        await stage.until_status(migration, MigrationStatus.ABORTED)
    assert await reason_of(stage, migration) == "its workflow has ended in Temporal: terminated"
    assert (await stage.flag("search")).served_percentage == 0
    assert not await stage.live_runs()
    assert [phase.status for phase in await stage.phases(migration)] == [PhaseStatus.ABORTED]


async def test_a_phase_that_is_terminated_in_temporal_ends_in_postgres(stage: Stage) -> None:
    migration = await stage.start_one(HOLDING)
    await stage.until_percentage("search", 10)
    async with reconciled(stage):
        await stage.phase("first").terminate()
        await stage.until_status(migration, MigrationStatus.FAILED)
        await stage.until_phase(migration, "first", PhaseStatus.FAILED)
        await until_run(stage, "search", RunState.ROLLED_BACK)
    assert (await stage.flag("search")).served_percentage == 0


async def test_a_migration_whose_workflow_lingers_makes_room_for_the_next(stage: Stage) -> None:
    """As after a restored backup: the rows say that it has ended, its workflows do not know."""
    migration = await stage.start_one(HOLDING)
    await stage.until_percentage("search", 10)
    await stage.begin_rollback("search")
    await until_run(stage, "search", RunState.ROLLED_BACK)
    await stage.until_phase(migration, "first", PhaseStatus.PAUSED)
    async with stage.engine.begin() as connection:
        for table, key in (("migrations", "id"), ("migration_phases", "migration_id")):
            ended = f"update {table} set status = 'aborted' where {key} = :id"
            await connection.execute(text(ended), {"id": migration})
    again = await stage.start_one(HOLDING)
    async with reconciled(stage):
        await stage.until_status(again, MigrationStatus.RUNNING)
        await stage.until_percentage("search", 10)
    assert await stage.status(migration) is MigrationStatus.ABORTED


async def test_a_workflow_without_a_row_that_nobody_runs_is_terminated_and_the_monitor_starts_again(
    stage: Stage,
) -> None:
    orphan = await stage.client.start_workflow(
        "Validation",
        ValidationInput(environment=stage.environment, validation_id=str(uuid4())),
        id=f"validation/{stage.environment}/{uuid4()}",
        task_queue="nobody listens",
        search_attributes=attributes(environment=stage.environment),
    )
    monitor = monitor_id(stage.environment)
    await stage.client.get_workflow_handle(monitor).terminate()
    async with reconciled(stage):
        await until_workflow(stage, orphan.id, WorkflowExecutionStatus.TERMINATED)
        await until_workflow(stage, monitor, WorkflowExecutionStatus.RUNNING)


async def test_what_is_in_order_is_left_alone(stage: Stage) -> None:
    async with reconciled(stage):
        migration = await stage.start_one(component("search", ramp=steps(100)))
        await stage.until_status(migration, MigrationStatus.COMPLETED)
        await stage.until_seconds(2)
    assert {actor for _, actor, _ in await stage.audited()} == {"ann", "crossfade"}


@pytest.fixture(scope="module")
def other_temporal() -> Iterator[str]:
    """A server that knows nothing of the first one's workflows."""
    folder = short_folder()
    try:
        with local.temporal.serve(folder, os.environ, has_page=False) as server:
            yield server.address
    finally:
        remove(folder)


async def test_a_migration_goes_on_by_a_persons_order_after_temporal_has_lost_everything(
    database_url: str, temporal: str, other_temporal: str
) -> None:
    queue, environment = f"loss-{uuid4().hex[:8]}", "lost"
    first, last = component("first-part"), component("last-part", depends_on=("second-part",))
    second = component("second-part", ramp=steps(10, 100, hold=LONG), depends_on=("first-part",))
    async with (
        company_at(database_url, temporal, task_queue=queue) as company,
        stage_of(company, environment, task_queue=queue) as stage,
    ):
        migration = await stage.start_phase(first, second, last)
        await stage.until_percentage("second-part", 10)
    async with company_at(database_url, other_temporal, task_queue=queue) as company:
        async with reconciled(stage := Stage(company, environment), task_queue=queue):
            await until_run(stage, "second-part", RunState.ROLLED_BACK)
            await stage.until_status(migration, MigrationStatus.PAUSED)
            assert "is not known to Temporal any more" in await reason_of(stage, migration)
            await stage.until_phase(migration, "first", PhaseStatus.PAUSED)
            assert await stage.components(migration) == {
                "first-part": ComponentStatus.COMPLETED,
                "second-part": ComponentStatus.ROLLED_BACK,
                "last-part": ComponentStatus.PENDING,
            }
            assert (await stage.flag("first-part")).served_percentage == 100
            await stage.migration().signal("resume", Control(actor="ann", reason="looked at it"))
            again = ComponentControl(component="second-part", actor="ann", reason="once more")
            await stage.phase("first").execute_update("retry", again)
            await stage.until_percentage("second-part", 10)
            await stage.until_status(migration, MigrationStatus.RUNNING)
        actions = [action for action, _, _ in await stage.audited()]
    assert "migration.order.restart" in actions
