"""Composition root of a worker: settings -> engine -> activities -> worker, with relay, reconciler and monitor.

Run it as `python worker.py`, as often as you like. It needs DATABASE_URL and a Temporal profile (`TEMPORAL_*`);
CROSSFADE_ENVIRONMENT names the environment that it watches (default `production`), CROSSFADE_TARGETS maps the targets
of plans to addresses, and CROSSFADE_METRICS_ADDRESS (`host:port`), if set, serves metrics to Prometheus.
"""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import NoReturn

from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
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
from crossfade.settings import InvalidSettings, environment_of
from store.engine import AsyncEngine
from workflows.client import connect
from workflows.executions import Unreachable
from workflows.failpoints import FailpointsRefused, failpoints
from workflows.messages import TASK_QUEUE
from workflows.migration import Migration
from workflows.monitor import Monitor
from workflows.outbox import relay
from workflows.phase import Phase
from workflows.reconciler import reconcile, start_monitor
from workflows.rollback import Rollback
from workflows.rollout import Rollout
from workflows.validation import Validation

log = logging.getLogger("crossfade.worker")

WORKFLOWS = (Migration, Phase, Rollout, Rollback, Monitor, Validation)
PASS_THROUGH = ("crossfade", "activities", "store", "workflows.messages", "pydantic", "pydantic_core")
STICKY_TIMEOUT = timedelta(seconds=1)  # how soon another worker takes over the workflows of one that died
GRACE = timedelta(seconds=5)
RETRY_SECONDS = 1.0
CALL_SECONDS = 5.0
BESIDE_SECONDS = 2.0  # that relay, reconciler and upkeep get to end what they are at
END_SECONDS = 8.0  # after which the process ends, whatever is left
STALL_SECONDS = 30.0  # that a workflow's thread may have to wait for a busy machine: docs/decisions/0010


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
    built = Worker(
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
    endure_stalls(built)
    return built


def endure_stalls(built: Worker) -> None:
    """Let no thread of a workflow be interrupted because the machine was busy for two seconds.

    The SDK takes that for a deadlock, and the interruption can lose a task of the workflow, which that worker then
    never finishes nor lets go. It has no public setting for the time.
    """
    part = built._workflow_worker  # noqa: SLF001
    if part is None or part._deadlock_timeout_seconds is None:  # noqa: SLF001 - none: TEMPORAL_DEBUG
        return
    part._deadlock_timeout_seconds = STALL_SECONDS  # type: ignore[assignment] # noqa: SLF001


def runner() -> SandboxedWorkflowRunner:
    """Give the one sandbox of worker, replayer and tests."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASS_THROUGH))


async def watch(client: Client, environment: str, *, task_queue: str = TASK_QUEUE) -> None:
    """Start the monitor of the environment; Temporal may be away meanwhile. The reconciler starts it again."""
    while True:
        try:
            await start_monitor(client, environment, task_queue=task_queue)
        except Unreachable as away:
            log.warning("the monitor is not started yet: %s", away)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return


async def serve(environ: Mapping[str, str]) -> None:
    """Work until SIGTERM or SIGINT, then drain: what runs may end, nothing new begins."""
    interceptors = failpoints(environ)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _end, stop)
    environment, targets = environment_of(environ), targets_of(environ)
    if not environ.get("DATABASE_URL"):
        raise InvalidSettings("DATABASE_URL is not set.")
    engine = store.engine.create_engine(store.engine.database_url(environ))
    client = await reach(environ, stop)
    if client is None:
        return
    async with build(client, engine, targets, interceptors=interceptors):
        beside = [
            asyncio.create_task(work)
            for work in (
                relay(engine, client, stop),
                reconcile(engine, client, environment, stop),
                upkeep(engine, stop),
                watch(client, environment),
            )
        ]
        log.info("working on task queue %s", TASK_QUEUE)
        await stop.wait()
        _, late = await asyncio.wait(beside, timeout=BESIDE_SECONDS)
        for task in late:
            task.cancel()
    await engine.dispose()


def targets_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the addresses behind the names that plans use: CROSSFADE_TARGETS, a JSON object; none without it."""
    try:
        targets = json.loads(environ.get("CROSSFADE_TARGETS") or "{}")
    except ValueError:
        targets = None
    if not isinstance(targets, dict) or not all(isinstance(address, str) for address in targets.values()):
        raise InvalidSettings("CROSSFADE_TARGETS is not a JSON object of names and addresses.")
    return targets


def _end(stop: asyncio.Event) -> None:
    """Begin to end, and see to it that the end comes: what hangs on a dead server is cut off, to be done elsewhere."""
    if not stop.is_set():
        stop.set()
        log.info("ending")
        deadline = threading.Timer(END_SECONDS, _cut_off)
        deadline.daemon = True
        deadline.start()


def _cut_off() -> None:
    log.warning("not everything has ended within %s s; what is left is taken up by another worker", END_SECONDS)
    _leave(0)


async def reach(environ: Mapping[str, str], stop: asyncio.Event) -> Client | None:
    """Wait for Temporal, without which a worker cannot poll; None when it shall stop before."""
    runtime = telemetry(environ)
    identity = f"crossfade-worker/{os.getpid()}@{socket.gethostname()}"
    while not stop.is_set():
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await connect(environ, lazy=False, runtime=runtime, identity=identity)
        except (RPCError, RuntimeError, TimeoutError) as error:
            log.warning("Temporal does not answer yet: %s", error)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_SECONDS)
    return None


def telemetry(environ: Mapping[str, str]) -> Runtime | None:
    """Give the runtime that serves the SDK's metrics to Prometheus at CROSSFADE_METRICS_ADDRESS, if that is set.

    It is made before the first client, which would make one without metrics.
    """
    address = environ.get("CROSSFADE_METRICS_ADDRESS")
    if not address:
        return None
    return Runtime(telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address=address)))


def main() -> None:
    """Run, and end without the interpreter's clean-up: the Temporal runtime may abort in it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    code = 0
    try:
        asyncio.run(serve(os.environ))
    except (FailpointsRefused, InvalidSettings) as refused:
        log.error("%s", refused)  # noqa: TRY400 - a sentence, not a trace
        code = 2
    except Exception:  # the process edge: log, flush and give a code
        log.exception("the worker has failed")
        code = 1
    _leave(code)


def _leave(code: int) -> NoReturn:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
