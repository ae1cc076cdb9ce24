"""What Temporal says beside the database: I15, I25."""

from collections.abc import Iterator

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer

import worker
from crossfade.states import RollbackState
from tests.faults.view import View
from workflows.messages import migration_id, phase_id, rollout_id

RUNNING = WorkflowExecutionStatus.RUNNING


def temporal_agrees(view: View) -> Iterator[str]:
    """I25: what lives in the database has its workflow, and no workflow lives without it."""
    if view.running is None:
        return
    expected = {each.workflow_id for each in view.rollbacks if each.state is RollbackState.RUNNING}
    expected |= {migration_id(each.environment, each.name) for each in view.migrations if each.status.is_live}
    expected |= {run.workflow_id for run in view.runs if run.state.is_live}
    for missing in sorted(expected - view.running):
        yield f"{missing} does not run, the database says that it lives"
    live = {migration.id for migration in view.migrations if migration.status.is_live}
    # Phases, and rollouts about to begin or waiting for their way back, live as long as their migration.
    expected |= {
        workflow
        for phase in view.phases
        if _migration(view, phase.migration) in live
        for workflow in (phase_id(view.environment, phase.migration.rsplit("/", 1)[0], phase.name),)
    }
    expected |= {rollout_id(view.environment, part.name) for part in view.components if part.migration_id in live}
    for orphan in sorted(view.running - expected):
        yield f"{orphan} runs, the database says that it has ended"


def workflow_ids(view: View) -> list[str]:
    """The ids of all workflows of the environment, its monitor apart."""
    names = {migration.name for migration in view.migrations}
    ids = {migration_id(view.environment, name) for name in names}
    ids |= {phase_id(view.environment, phase.migration.rsplit("/", 1)[0], phase.name) for phase in view.phases}
    ids |= {rollout_id(view.environment, part.name) for part in view.components}
    return sorted(ids | {rollback.workflow_id for rollback in view.rollbacks})


async def running(client: Client, ids: list[str]) -> frozenset[str]:
    """Those of the workflows that Temporal runs."""
    found = set()
    for workflow in ids:
        try:
            if (await client.get_workflow_handle(workflow).describe()).status is RUNNING:
                found.add(workflow)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
    return frozenset(found)


async def histories(client: Client, ids: list[str]) -> list[WorkflowHistory]:
    """The history of the newest execution of each workflow that there is."""
    found = []
    for workflow in ids:
        try:
            found.append(await client.get_workflow_handle(workflow).fetch_history())
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
    return found


async def unreplayable(told: list[WorkflowHistory], workflows: tuple[type, ...] = worker.WORKFLOWS) -> list[str]:
    """I15: the histories that today's workflows do not replay."""
    replayer = Replayer(workflows=workflows, workflow_runner=worker.runner(), data_converter=pydantic_data_converter)
    found = []
    for history in told:
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        if result.replay_failure is not None:
            found.append(f"{history.workflow_id} does not replay: {result.replay_failure}")
    return found


def _migration(view: View, key: str) -> object:
    return next(migration.id for migration in view.migrations if migration.key == key)
