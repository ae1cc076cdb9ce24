"""The relay from Postgres to Temporal: what a transaction has promised is delivered at least once.

It runs in every API and worker process. A message that Temporal does not take is tried again later; a signal to a
workflow that has ended is dropped, since whatever it would have said is already in Postgres.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta

from temporalio.api.common.v1 import Payloads, WorkflowExecution
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest, SignalWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

import store.outbox
from store.engine import AsyncEngine
from store.outbox import Message
from workflows.executions import Unreachable
from workflows.messages import TASK_QUEUE
from workflows.story import DETAILS, attributes, brief

log = logging.getLogger(__name__)

BATCH = 50
IDLE = 0.2  # seconds between looks when there is nothing to deliver
CALL = 2.0  # seconds for one call to Temporal
BACK_OFF = 1.0  # seconds after Postgres has failed
TASK_TIMEOUT = timedelta(seconds=2)


async def relay(engine: AsyncEngine, client: Client, stop: asyncio.Event, *, task_queue: str = TASK_QUEUE) -> None:
    """Deliver until `stop` is set; neither a dead database nor a dead Temporal ends it."""
    while not stop.is_set():
        try:
            delivered = await deliver(engine, client, task_queue=task_queue)
            pause = 0.0 if delivered else IDLE
        except Unreachable as away:
            log.warning("Temporal does not answer, its messages wait: %s", away)
            pause = BACK_OFF
        except Exception:  # a process edge: the relay must outlive everything that it depends on
            log.exception("the outbox could not be read")
            pause = BACK_OFF
        if pause:
            await _pause(stop, pause)


async def deliver(engine: AsyncEngine, client: Client, *, task_queue: str = TASK_QUEUE) -> int:
    """Deliver one batch and give how many messages it held; the store hands out one per workflow at a time.

    Raises Unreachable, with nothing taken, when Temporal does not answer: a whole batch would find that out as well.
    """
    async with engine.begin() as connection:
        messages = await store.outbox.take(connection, limit=BATCH)
        if messages:
            await _require(client)
        errors = await asyncio.gather(*(_deliver(client, message, task_queue) for message in messages))
        outcomes = list(zip(messages, errors, strict=True))
        await store.outbox.delivered(connection, [message.id for message, error in outcomes if error is None])
        for message, error in outcomes:
            if error is not None:
                await store.outbox.failed(connection, message.id, error=error)
    return len(messages)


async def _require(client: Client) -> None:
    try:
        async with asyncio.timeout(CALL):
            await client.workflow_service.get_system_info(GetSystemInfoRequest())
    except (RPCError, TimeoutError, RuntimeError) as error:
        raise Unreachable(type(error).__name__) from error


async def _deliver(client: Client, message: Message, task_queue: str) -> str | None:
    """Deliver one message; give what went wrong, None when it arrived."""
    try:
        async with asyncio.timeout(CALL):
            if message.kind == "start":
                await _start(client, message, task_queue)
            else:
                await _signal(client, message)
    except (RPCError, TimeoutError, RuntimeError, WorkflowAlreadyStartedError) as error:
        log.warning("%s %s of %s waits: %s", message.kind, message.name, message.workflow_id, error)
        return type(error).__name__
    except Exception as error:  # one message's edge: whatever is wrong with it, the others go on
        log.exception("%s %s of %s cannot be delivered", message.kind, message.name, message.workflow_id)
        return type(error).__name__
    return None


async def _signal(client: Client, message: Message) -> None:
    """Signal under the message's own request id: of a delivery that timed out and is repeated, Temporal takes one."""
    request = SignalWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=message.workflow_id),
        signal_name=message.name,
        input=Payloads(payloads=await client.data_converter.encode([message.payload])),
        identity=client.identity,
        request_id=message.request_id,
    )
    try:
        await client.workflow_service.signal_workflow_execution(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        log.info("%s has ended already and needs no %s", message.workflow_id, message.name)


async def _start(client: Client, message: Message, task_queue: str) -> None:
    payload = message.payload
    key = _key(payload)
    once = message.name in {"Rollback", "Validation"} and not payload.get("again")
    try:
        await client.start_workflow(
            message.name,
            payload,
            id=message.workflow_id,
            task_queue=task_queue,
            task_timeout=TASK_TIMEOUT,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            id_reuse_policy=(WorkflowIDReusePolicy.REJECT_DUPLICATE if once else WorkflowIDReusePolicy.ALLOW_DUPLICATE),
            memo={"key": key},
            static_summary=_summary(message),
            static_details=DETAILS.get(message.name),
            search_attributes=attributes(
                environment=message.environment,
                migration=str(payload.get("name", "")),
                component=str(payload.get("component", "")),
            ),
        )
    except WorkflowAlreadyStartedError:
        if not once and await _running_key(client, message.workflow_id) != key:
            raise  # an older execution of the same name is still ending


def _summary(message: Message) -> str:
    """Say in one line what starts."""
    payload = message.payload
    reason = f": {payload['reason']}" if payload.get("reason") else ""
    return brief(str(payload.get("summary") or f"{message.name} of {payload.get('component', '')}{reason}"))


async def _running_key(client: Client, workflow_id: str) -> str | None:
    description = await client.get_workflow_handle(workflow_id).describe()
    memo = await description.memo()
    return str(memo.get("key")) if memo else None


def _key(payload: Mapping[str, object]) -> str:
    """Give what tells this start from an older one with the same workflow id."""
    return str(payload.get("migration_id") or payload.get("rollback_id") or payload.get("validation_id") or "")


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
