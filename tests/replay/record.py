"""Record the histories that the replay test holds the workflows to: `python -m tests.replay.record`.

They come from the real server and the real worker. Record again only before a release that nobody runs yet.
"""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp

from temporalio.client import WorkflowHandle

import local.postgres
import local.temporal
from crossfade.plan.resolved import GateCheck, PhasePlan
from crossfade.states import ComponentStatus, MigrationStatus, PhaseStatus
from local.home import remove
from tests.workflows.company import company_at, stage_of
from tests.workflows.plans import APPROVAL, LONG, SHADOW, component, steps
from tests.workflows.stage import Stage
from workflows.messages import Approve, ComponentControl, Control, Promote, SetPercentage
from workflows.phase import Phase
from workflows.rollout import Rollout

HISTORIES = Path(__file__).parent / "histories"
STACK_TRACE = re.compile(r'"stackTrace": "(?:[^"\\]|\\.)*"')  # paths of the machine that recorded
SHORT_HISTORY = {"limit.historyCount.suggestContinueAsNew": "60"}


async def complete(stage: Stage) -> None:
    """Two phases with validation, approval, gate and bake."""
    ramp = (*steps(10), *steps(100, validate=("data-consistency",), approval=APPROVAL))
    first = component("search", ramp=ramp, validations=(SHADOW,))
    gate = (GateCheck(name="self-check", target="app-selfcheck"),)
    async with stage.self_check():
        migration = await stage.start(
            PhasePlan(name="first", components=(first,), gate=gate),
            PhasePlan(name="second", depends_on=("first",), components=(component("errors"),)),
        )
        await stage.until_waiting(migration, "search", "approval of")
        await stage.rollout("search").execute_update(Rollout.approve, Approve(actor="ann", reason="good"))
        await stage.until_status(migration, MigrationStatus.COMPLETED)


async def roll_back(stage: Stage) -> None:
    """A breach, the rollback, a retry that is promoted, and completion."""
    migration = await stage.start_one(component("search", ramp=(*steps(10, hold=LONG), *steps(100))))
    await stage.until_percentage("search", 10)
    stage.traffic.failing.add("search")
    await stage.until_phase(migration, "first", PhaseStatus.PAUSED)
    stage.traffic.failing.clear()
    await stage.phase("first").execute_update(Phase.retry, ComponentControl(component="search", actor="ann"))
    await stage.until_waiting(migration, "search", "hold to end")
    await stage.rollout("search").execute_update(Rollout.promote, Promote(actor="ann"))
    await stage.until_status(migration, MigrationStatus.COMPLETED)


async def stop(stage: Stage) -> None:
    """An emergency stop while one component is complete and another one holds."""
    second = component("second-part", ramp=steps(10, 100, hold=LONG), depends_on=("first-part",))
    migration = await stage.start_phase(component("first-part"), second)
    await stage.until_percentage("second-part", 10)
    await stage.stop("fire")
    await stage.until_component(migration, "second-part", ComponentStatus.STOPPED)
    await stage.until_status(migration, MigrationStatus.FAILED)


async def cancel(stage: Stage) -> None:
    """A cancelled migration."""
    migration = await stage.start_one(component("search", ramp=steps(10, 100, hold=LONG)))
    await stage.until_percentage("search", 10)
    await stage.migration().cancel()
    await stage.until_status(migration, MigrationStatus.ABORTED)


async def by_hand(stage: Stage) -> None:
    """Pause, a percentage by hand, resume, on histories so short that the rollout continues as new."""
    ramp = (*steps(10, hold=timedelta(seconds=2)), *steps(20, 30, 40, 50, 100))
    migration = await stage.start_one(component("search", ramp=ramp))
    await stage.until_percentage("search", 10)
    await stage.rollout("search").signal(Rollout.pause, Control(actor="ann"))
    await stage.until_waiting(migration, "search", "paused")
    await stage.rollout("search").signal(Rollout.resume, Control(actor="ann"))
    order = SetPercentage(percentage=Decimal(35), actor="ann")
    await stage.rollout("search").execute_update(Rollout.set_percentage, order)
    await stage.until_waiting(migration, "search", "by hand")
    await stage.rollout("search").signal(Rollout.resume, Control(actor="ann"))
    await stage.until_status(migration, MigrationStatus.COMPLETED)


SCENARIOS: tuple[Callable[[Stage], Awaitable[None]], ...] = (complete, roll_back, stop, cancel, by_hand)


async def record(database_url: str, temporal: str) -> None:
    """Play every scenario and write the history of every workflow of ours."""
    async with company_at(database_url, temporal) as company:
        for scenario in SCENARIOS:
            async with stage_of(company, scenario.__name__.replace("_", "-")) as stage:
                await scenario(stage)
                await write_all(stage, scenario.__name__)


async def write_all(stage: Stage, scenario: str) -> None:
    """Write the histories of one scenario; every run of a workflow has its own file."""
    await until_ended(stage)
    number = 0
    async for execution in stage.client.list_workflows(f"MigrationEnvironment = '{stage.environment}'"):
        handle: WorkflowHandle[object, object] = stage.client.get_workflow_handle(execution.id, run_id=execution.run_id)
        history = await handle.fetch_history()
        number += 1
        name = f"{scenario}-{number:02d}-{execution.workflow_type.lower()}.json"
        (HISTORIES / name).write_text(STACK_TRACE.sub('"stackTrace": ""', history.to_json()))


async def until_ended(stage: Stage) -> None:
    """Wait until everything but the monitor has ended."""

    async def running() -> list[str]:
        query = f"MigrationEnvironment = '{stage.environment}' and ExecutionStatus = 'Running'"
        return [execution.workflow_type async for execution in stage.client.list_workflows(query)]

    await stage.until("every workflow ended", running, lambda types: types == ["Monitor"])


def main() -> None:
    """Start the servers, record, and end."""
    home = Path(mkdtemp(prefix="cf-record-", dir="/tmp"))
    home.chmod(0o755)
    for old in HISTORIES.glob("*.json"):
        old.unlink()
    try:
        with (
            local.postgres.serve(home, os.environ) as postgres,
            local.temporal.serve(home, os.environ, has_page=False, settings=SHORT_HISTORY) as temporal,
        ):
            environ = {**os.environ, "DATABASE_URL": postgres.url}
            subprocess.run([sys.executable, "-m", "store", "migrate"], env=environ, check=True)
            asyncio.run(record(postgres.url, temporal.address))
    finally:
        remove(home)


if __name__ == "__main__":
    main()
