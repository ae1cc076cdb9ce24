"""Composition root of a worker: settings -> engine -> activities -> Temporal worker, the outbox relay, the monitor.

Run it as `python worker.py`. It needs DATABASE_URL and a Temporal profile (`TEMPORAL_*`); CROSSFADE_ENVIRONMENT names
the environment that it watches (default `production`) and CROSSFADE_TARGETS maps the targets of plans to addresses.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError
from temporalio.worker import Interceptor, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

import store.engine
from activities.migrations import MigrationActivities
from activities.monitor import MonitorActivities
from activities.rollbacks import RollbackActivities
from activities.rollouts import RolloutActivities
from activities.upkeep import upkeep
from activities.validations import ValidationActivities
from store.engine import AsyncEngine
from workflows.client import connect
from workflows.failpoints import FailpointsRefused, failpoints
from workflows.messages import TASK_QUEUE, MonitorInput, monitor_id
from workflows.migration import Migration
from workflows.monitor import Monitor
from workflows.outbox import relay
from workflows.phase import Phase
from workflows.rollback import Rollback
from workflows.rollout import Rollout
from workflows.story import attributes
from workflows.validation import Validation

log = logging.getLogger("crossfade.worker")

WORKFLOWS = (Migration, Phase, Rollout, Rollback, Monitor, Validation)
PASS_THROUGH = ("crossfade", "activities", "store", "workflows.messages", "pydantic", "pydantic_core")
STICKY_TIMEOUT = timedelta(seconds=1)  # how soon another worker takes over the workflows of one that died
GRACE = timedelta(seconds=5)
RETRY_SECONDS = 1.0
CALL_SECONDS = 5.0


def build(
    client: Client,
    engine: AsyncEngine,
    targets: Mapping[str, str],
    *,
    task_queue: str = TASK_QUEUE,
    grace: timedelta = GRACE,
    interceptors: Sequence[Interceptor] = (),
) -> Worker:
    """Give the worker with every workflow and activity."""
    rollouts, migrations = RolloutActivities(engine), MigrationActivities(engine)
    rollbacks, validations = RollbackActivities(engine), ValidationActivities(engine, targets)
    return Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS,
        activities=[
            *(rollouts.begin, rollouts.publish, rollouts.set_percentage, rollouts.resume, rollouts.bake),
            *(rollouts.complete, rollouts.await_confirmation, rollouts.note, rollouts.record, rollouts.look),
            *(migrations.load, migrations.set_status, migrations.set_phase, migrations.set_component, migrations.stop),
            *(migrations.record, migrations.retire),
            *(rollbacks.begin, rollbacks.load, rollbacks.step, rollbacks.step_failed, rollbacks.finish),
            *(validations.open, validations.watch, validations.inter_phase),
            MonitorActivities(engine).monitor,
        ],
        workflow_runner=runner(),
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        graceful_shutdown_timeout=grace,
        interceptors=interceptors,
    )


def runner() -> SandboxedWorkflowRunner:
    """Give the one sandbox of worker, replayer and tests."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASS_THROUGH))


async def watch(client: Client, environment: str, *, task_queue: str = TASK_QUEUE) -> None:
    """Start the monitor of the environment; Temporal may be away meanwhile."""
    while True:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await client.start_workflow(
                    Monitor.run,
                    MonitorInput(environment=environment),
                    id=monitor_id(environment),
                    task_queue=task_queue,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    static_summary=f"judges all active components of {environment}",
                    search_attributes=attributes(environment=environment),
                )
        except WorkflowAlreadyStartedError:
            return
        except (RPCError, RuntimeError, TimeoutError) as error:
            log.warning("the monitor is not started yet: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return


async def serve(environ: Mapping[str, str]) -> None:
    """Work until SIGTERM or SIGINT, then drain."""
    interceptors = failpoints(environ)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    engine = store.engine.create_engine(store.engine.database_url(environ))
    client = await reach(environ, stop)
    if client is None:
        return
    targets = json.loads(environ.get("CROSSFADE_TARGETS", "{}"))
    async with build(client, engine, targets, interceptors=interceptors), asyncio.TaskGroup() as tasks:
        tasks.create_task(relay(engine, client, stop))
        tasks.create_task(upkeep(engine, stop))
        tasks.create_task(watch(client, environ.get("CROSSFADE_ENVIRONMENT", "production")))
        log.info("working on task queue %s", TASK_QUEUE)
        await stop.wait()
    await engine.dispose()


async def reach(environ: Mapping[str, str], stop: asyncio.Event) -> Client | None:
    """Wait for Temporal, without which a worker cannot poll; None when it shall stop before."""
    while not stop.is_set():
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await connect(environ, lazy=False)
        except (RPCError, RuntimeError, TimeoutError) as error:
            log.warning("Temporal does not answer yet: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
    return None


def main() -> None:
    """Run, and end without the interpreter's clean-up: the Temporal runtime may abort in it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    code = 0
    try:
        asyncio.run(serve(os.environ))
    except FailpointsRefused as refused:
        log.error("%s", refused)  # noqa: TRY400 - a sentence, not a trace
        code = 2
    except Exception:  # the process edge: log, flush and give a code
        log.exception("the worker has failed")
        code = 1
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
