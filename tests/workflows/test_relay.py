"""What a rollout makes of messages that come twice, or late."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import text

import store.outbox
from crossfade.states import Verdict
from tests.workflows.plans import LONG, component, steps
from tests.workflows.stage import Stage
from workflows.messages import Observed
from workflows.rollout import Rollout

HOLDING = component("search", ramp=steps(10, 100, hold=LONG))


def delivered(stage: Stage, workflow: str) -> Callable[[], Awaitable[bool]]:
    async def read() -> bool:
        query = text("select bool_and(delivered_at is not null) from outbox where workflow_id = :id and name = 'pause'")
        async with stage.engine.begin() as connection:
            return bool((await connection.execute(query, {"id": workflow})).scalar_one())

    return read


async def signals(stage: Stage, name: str) -> int:
    history = await stage.rollout("search").fetch_history()
    found: list[Any] = [event.workflow_execution_signaled_event_attributes for event in history.events]
    return sum(attributes.signal_name == name for attributes in found)


async def test_a_signal_that_is_delivered_again_counts_once(stage: Stage) -> None:
    await stage.start_one(HOLDING)
    await stage.until_percentage("search", 10)
    workflow = stage.rollout("search").id
    async with stage.engine.begin() as connection:
        await store.outbox.enqueue(
            connection,
            environment=stage.environment,
            workflow_id=workflow,
            kind="signal",
            name="pause",
            payload={"actor": "ann", "reason": "wait"},
        )
    await stage.until("delivered", delivered(stage, workflow), bool)
    again = "update outbox set delivered_at = null where workflow_id = :id and name = 'pause'"
    async with stage.engine.begin() as connection:
        await connection.execute(text(again), {"id": workflow})
    await stage.until("delivered again", delivered(stage, workflow), bool)
    assert await signals(stage, "pause") == 1


async def test_an_observation_that_comes_late_does_not_replace_a_newer_one(stage: Stage) -> None:
    await stage.start_one(HOLDING)
    await stage.until_percentage("search", 10)
    handle = stage.rollout("search")
    far = 2.0**40
    for at in (far, far - 1):
        await handle.signal(
            Rollout.observe, Observed(run_id="other", step=1, verdict=Verdict.PASS, samples=int(at), at=at)
        )
    observed = (await stage.state("search")).observed
    assert observed is not None
    assert observed.at == far
