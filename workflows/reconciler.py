"""Keeps Postgres and Temporal of one mind: what is live in one and not in the other is put right, safely.

It runs beside the outbox relay in every worker process, one at a time for each environment. What it puts right is in
`docs/decisions/0009-what-becomes-of-work-whose-workflow-is-gone.md`. It never acts on one look alone, describes before
it acts, and while Temporal or Postgres does not answer it forgets what it has suspected.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

import store.reconciliation
import store.rollbacks
from activities.rollouts import ACTOR as OWN
from crossfade.errors import CrossfadeError
from crossfade.states import MigrationStatus, RollbackTrigger
from store.engine import AsyncEngine
from store.reconciliation import Migration, Rows, Turn
from store.run_rows import ADVANCING, Run
from workflows import executions
from workflows.executions import Execution, Unreachable, answering
from workflows.messages import (
    TASK_QUEUE,
    MonitorInput,
    RollBack,
    RolledBack,
    migration_id,
    monitor_id,
    phase_id,
)
from workflows.outbox import TASK_TIMEOUT
from workflows.story import attributes
from workflows.suspects import Finding, Suspects

log = logging.getLogger(__name__)

ACTOR: Final = "reconciler"
DEADLINE: Final = 5.0  # seconds that a look may take, and each act


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often it looks and how long something must be wrong in every look, in seconds.

    Attributes:
        missing: for a row without its workflow.
        lingering: for a workflow without its row; ends take their time.
        deaf: for one that goes on though it was asked to end.
    """

    look: float = 2.0
    missing: float = 3.0
    lingering: float = 12.0
    deaf: float = 24.0


PACE: Final = Pace()


async def reconcile(
    engine: AsyncEngine,
    client: Client,
    environment: str,
    stop: asyncio.Event,
    *,
    task_queue: str = TASK_QUEUE,
    pace: Pace = PACE,
) -> None:
    """Look after the environment until `stop` is set, whenever nobody else does."""
    while not stop.is_set():
        try:
            async with store.reconciliation.lead(engine, environment) as turn:
                if turn is not None:
                    log.info("looks after %s", environment)
                    reconciler = Reconciler(engine, client, environment, turn, task_queue=task_queue, pace=pace)
                    while not stop.is_set():
                        await reconciler.look()
                        await _pause(stop, pace.look)
        except Exception as error:  # noqa: BLE001 - a process edge: it must outlive everything that it depends on
            log.warning("nobody here looks after %s for now: %s: %s", environment, type(error).__name__, error)
        await _pause(stop, pace.look)


class Reconciler:
    """The looks at one environment, and what they have found so far."""

    def __init__(
        self, engine: AsyncEngine, client: Client, environment: str, turn: Turn, *, task_queue: str, pace: Pace = PACE
    ) -> None:
        self.engine, self.client, self.turn, self.pace = engine, client, turn, pace
        self.environment, self.task_queue = environment, task_queue
        self.suspects = Suspects()

    async def look(self) -> None:
        """Compare both once, and put right what has been wrong for long enough.

        An error of the driver says that the turn is lost: what is still to be done is the next one's to find.
        """
        await self.turn.keep()
        try:
            async with asyncio.timeout(DEADLINE):
                findings = await self.findings()
        except (Unreachable, TimeoutError) as away:
            self.suspects = Suspects()
            log.warning("cannot compare now: %s", str(away) or "no answer in time")
            return
        for finding in self.suspects.due(findings, asyncio.get_running_loop().time()):
            await self.turn.keep()
            await self._put_right(finding)

    async def findings(self) -> list[Finding]:
        """Give everything that does not agree. Raises Unreachable."""
        async with self.engine.begin() as connection:
            rows = await store.reconciliation.read(connection, self.environment, own=OWN)
        seen = await executions.running(self.client, self.environment)
        known = await executions.describe(self.client, [*self._wanted(rows), *seen])
        described = (known[workflow] for workflow in seen)
        return [
            *self._missing(rows, known),
            *await self._lingering(rows, [each for each in described if each is not None and each.is_running]),
        ]

    async def _put_right(self, finding: Finding) -> None:
        log.warning("%s", finding.sentence)
        try:
            async with asyncio.timeout(DEADLINE):
                await finding.act()
        except (CrossfadeError, Unreachable, TimeoutError) as refusal:
            log.warning("%s: not now: %s", finding.key, str(refusal) or type(refusal).__name__)
        except Exception:  # one finding's edge: whatever it met, the others are put right
            log.exception("%s has failed", finding.key)
        else:
            self.suspects.acted(finding)

    # -- rows without a workflow

    def _wanted(self, rows: Rows) -> Iterator[str]:
        yield monitor_id(self.environment)
        yield from (migration_id(self.environment, each.name) for each in rows.migrations)
        yield from (run.workflow_id for run in rows.runs)
        yield from (rollback.workflow_id for rollback in rows.rollbacks)
        yield from (f"validation/{self.environment}/{each.id}" for each in rows.validations)

    def _missing(self, rows: Rows, known: dict[str, Execution | None]) -> Iterator[Finding]:
        """Find what does not run, unless a message that waits may still start or end it."""
        monitor = monitor_id(self.environment)
        if _is_gone(known[monitor]):
            yield Finding(monitor, f"{monitor} does not run: starting it", 0.0, self._start_monitor)
        for run in rows.runs:
            found = known[run.workflow_id]
            if run.state in ADVANCING and not _carries(found, run):
                yield self._run_gone(run, _fate(found))
        yield from self._unwatched(rows, known)
        for migration in rows.migrations:
            workflow = migration_id(self.environment, migration.name)
            is_rolling = any(run.migration_id == migration.id for run in rows.runs)
            if workflow not in rows.waiting and not is_rolling and _is_gone(known[workflow]):
                yield self._migration_gone(migration, known[workflow])
        for leftover in rows.leftovers:
            reason = "its migration has ended, and its workflow with it"
            yield self._ended(f"phases of {leftover}", leftover, reason)

    def _unwatched(self, rows: Rows, known: dict[str, Execution | None]) -> Iterator[Finding]:
        """Find rollbacks and validations whose steps nobody takes."""
        for rollback in rows.rollbacks:
            if rollback.workflow_id not in rows.waiting and _is_gone(known[rollback.workflow_id]):
                yield self._again(rollback.workflow_id, store.reconciliation.roll_on, rollback)
        for validation in rows.validations:
            workflow = f"validation/{self.environment}/{validation.id}"
            if workflow not in rows.waiting and _is_gone(known[workflow]):
                yield self._again(workflow, store.reconciliation.validate_on, validation, environment=self.environment)

    def _run_gone(self, run: Run, fate: str) -> Finding:
        async def act() -> None:
            reason = f"the workflow of its rollout {fate}"
            async with self.engine.begin() as connection:
                await store.rollbacks.begin(
                    connection,
                    environment=run.environment,
                    component=run.component,
                    trigger=RollbackTrigger.ABORT,
                    actor=ACTOR,
                    reason=reason,
                    evidence={"rule": "workflow-gone", "sentence": reason},
                    run_id=run.id,
                    epoch=run.epoch,
                )

        return Finding(f"run {run.id}", f"{run.workflow_id} {fate}: rolling back", self.pace.missing, act)

    def _migration_gone(self, migration: Migration, found: Execution | None) -> Finding:
        """Start one again that Temporal has forgotten; one that somebody has ended there stays ended."""
        workflow, fate = migration_id(self.environment, migration.name), _fate(found)
        if found is not None:
            return self._ended(workflow, migration.id, f"its workflow {fate}")
        is_new = migration.status is MigrationStatus.PENDING
        reason = f"its workflow {fate}" + ("" if is_new else "; look what is served, then resume")
        return self._again(workflow, store.reconciliation.start_again, migration.id, actor=ACTOR, reason=reason)

    def _ended(self, key: str, migration: object, reason: str) -> Finding:
        return self._written(key, f"{key}: {reason}", store.reconciliation.end, migration, actor=ACTOR, reason=reason)

    def _again(self, workflow: str, write: Callable[..., Awaitable[None]], *args: object, **words: object) -> Finding:
        return self._written(workflow, f"{workflow} does not run: starting it again", write, *args, **words)

    def _written(
        self, key: str, sentence: str, write: Callable[..., Awaitable[None]], *args: object, **words: object
    ) -> Finding:
        async def act() -> None:
            async with self.engine.begin() as connection:
                await write(connection, *args, **words)

        return Finding(key, sentence, self.pace.missing, act)

    async def _start_monitor(self) -> None:
        await start_monitor(self.client, self.environment, task_queue=self.task_queue)

    # -- workflows without a row

    async def _lingering(self, rows: Rows, running: Sequence[Execution]) -> list[Finding]:
        effects = {_begun(each): each for each in running if each.kind == "Rollout"}
        async with self.engine.begin() as connection:
            ended = await store.reconciliation.ended(connection, environment=self.environment, effects=[*effects])
        gone_back = {effects[effect].id: run for effect, run in ended.items()}
        found = []
        for each in running:
            if (run := gone_back.get(each.id)) is not None:
                found.append(self._told(each, run))
            elif not _has_row(each, rows, self.environment):
                found.append(self._asked(each))
                found.append(self._terminated(each))
        return found

    def _told(self, execution: Execution, run: Run) -> Finding:
        """Find a rollout that has missed that its run has gone back."""

        async def act() -> None:
            handle = self.client.get_workflow_handle(execution.id, run_id=execution.run_id)
            async with answering():
                await handle.signal("roll_back", RollBack(actor=ACTOR, reason="its run has ended"))
                await handle.signal("rolled_back", RolledBack(state=run.state.value))

        sentence = f"{execution.id} goes on though its run is {run.state}: telling it"
        return Finding(f"told {execution.run_id}", sentence, self.pace.lingering, act)

    def _asked(self, execution: Execution) -> Finding:
        async def act() -> None:
            async with answering():
                await self.client.get_workflow_handle(execution.id, run_id=execution.run_id).cancel()

        sentence = f"{execution.id} runs without a row: cancelling it"
        return Finding(f"asked {execution.run_id}", sentence, self.pace.lingering, act)

    def _terminated(self, execution: Execution) -> Finding:
        async def act() -> None:
            async with answering():
                handle = self.client.get_workflow_handle(execution.id, run_id=execution.run_id)
                await handle.terminate(reason="it has no row in Postgres and does not end when asked to")

        sentence = f"{execution.id} does not end: terminating it"
        return Finding(f"terminated {execution.run_id}", sentence, self.pace.deaf, act)


async def start_monitor(client: Client, environment: str, *, task_queue: str = TASK_QUEUE) -> None:
    """Start the monitor of an environment unless it runs. Raises Unreachable."""
    try:
        async with answering():
            await client.start_workflow(
                "Monitor",
                MonitorInput(environment=environment),
                id=monitor_id(environment),
                task_queue=task_queue,
                task_timeout=TASK_TIMEOUT,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary=f"judges all active components of {environment}",
                search_attributes=attributes(environment=environment),
            )
    except WorkflowAlreadyStartedError:
        return


def _is_gone(found: Execution | None) -> bool:
    return found is None or not found.is_running


def _carries(found: Execution | None, run: Run) -> bool:
    """Whether this is the execution that has begun the run, or a continuation of it; a later attempt has its id too."""
    if found is None or not found.is_running:
        return False
    return not found.chain or run.effect in {None, _begun(found)}


def _begun(rollout: Execution) -> str:
    """Give the effect with which a rollout begins its run, as `Rollout._begin` makes it."""
    return f"{rollout.id}/{rollout.chain}/begin"


def _fate(found: Execution | None) -> str:
    if found is None:
        return "is not known to Temporal any more"
    return f"has ended in Temporal: {found.status or 'started anew'}"


def _has_row(each: Execution, rows: Rows, environment: str) -> bool:
    """Whether Postgres holds something live that this workflow carries out; of kinds not known here nothing is said."""
    live = {migration.id: migration.name for migration in rows.migrations} | dict(rows.ending)
    match each.kind:
        case "Migration":
            return each.key in map(str, live) or (not each.key and each.migration in live.values())
        case "Rollout":
            return each.migration in live.values()
        case "Phase":
            is_open = each.id in {phase_id(environment, *phase) for phase in rows.phases}
            return is_open or each.migration in rows.ending.values()
        case "Rollback":
            return each.id in {rollback.workflow_id for rollback in rows.rollbacks}
        case "Validation":
            return each.id in {f"validation/{environment}/{validation.id}" for validation in rows.validations}
    return True


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
