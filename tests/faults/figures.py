"""The figures of a scenario: how long a run stood still, from the fault to the end of the activity that it has hit."""

import sys

from temporalio.api.enums.v1 import EventType

from tests.faults.agreement import histories, workflow_ids
from tests.faults.scene import Scene
from tests.faults.view import view_of


async def stalls(scene: Scene) -> list[float]:
    """Seconds of each failpoint that has fired, in the order of their names."""
    async with scene.engine.begin() as connection:
        view = await view_of(connection, scene.environment)
    ends: dict[str, float] = {}
    for history in await histories(scene.client, workflow_ids(view)):
        scheduled = {event.event_id: event for event in history.events}
        for event in history.events:
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                begun = scheduled[event.activity_task_completed_event_attributes.scheduled_event_id]
                activity = begun.activity_task_scheduled_event_attributes.activity_id
                ends[f"{history.run_id}/{activity}"] = event.event_time.ToMicroseconds() / 1e6
    return [_end(scene, point, ends) - path.stat().st_mtime for point, path in sorted(scene.fired().items())]


def _end(scene: Scene, point: str, ends: dict[str, float]) -> float:
    activity, _, number, _ = point.split(":")
    keys = (scene.failpoints / f"{activity}.begun").read_text().split()
    return ends[keys[int(number) - 1]]


def tell(sentence: str) -> None:
    """Print a figure of a scenario, as `pytest -s` shows it."""
    sys.stdout.write(f"\n  {sentence}\n")
    sys.stdout.flush()
