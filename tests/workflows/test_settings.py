"""How the workflows are started."""

from datetime import timedelta

from crossfade.states import RunState
from tests.workflows.plans import LONG, component, steps
from tests.workflows.stage import Stage
from workflows.messages import monitor_id


async def test_every_workflow_is_taken_over_two_seconds_after_its_worker_has_died(stage: Stage) -> None:
    await stage.start_one(component("search", ramp=steps(10, 100, hold=LONG)))
    await stage.until_percentage("search", 10)
    rollback = await stage.begin_rollback("search")
    await stage.until("rolled back", lambda: stage.run_state("search"), lambda seen: seen is RunState.ROLLED_BACK)
    ids = (stage.migration().id, stage.phase("first").id, stage.rollout("search").id, rollback.workflow_id)
    for workflow in (*ids, monitor_id(stage.environment)):
        history = await stage.client.get_workflow_handle(workflow).fetch_history()
        started = history.events[0].workflow_execution_started_event_attributes
        assert started.workflow_task_timeout.ToTimedelta() == timedelta(seconds=2), workflow
