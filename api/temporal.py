"""Temporal as a request sees it: connected when first needed, two seconds at most, and a 503 while it is away."""

import asyncio
from collections.abc import Mapping

from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api.problems import Problem, Refused
from crossfade import errors
from workflows.client import connect

CALL_SECONDS = 2.0
HEALTH_SECONDS = 1.0
# Domain errors that a workflow passes on by the name of their class.
_DOMAIN: Mapping[str, type[errors.CrossfadeError]] = {
    kind.__name__: kind
    for kind in (
        errors.ComponentIsLive,
        errors.InvalidPercentage,
        errors.Stopped,
        errors.Fenced,
        errors.StaleReading,
        errors.PreconditionFailed,
    )
}


class Temporal:
    """The client, made when it is first needed."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = environ
        self._client: Client | None = None

    async def client(self) -> Client:
        """The client; it connects at its first call, so making it needs no server."""
        if self._client is None:
            self._client = await connect(self._environ)
        return self._client

    async def update(self, workflow_id: str, name: str, order: object, *, request_id: str | None = None) -> str:
        """The workflow's answer to an update.

        Raises:
            Refused: 503 when Temporal or the worker does not answer within two seconds; 409 when the workflow is
                not running or says no.
            CrossfadeError: The workflow's activity was refused by the domain.
        """
        try:
            # Not rpc_timeout: a call with rpc_timeout=2 s was measured to fail only after 9.8 s.
            async with asyncio.timeout(CALL_SECONDS):
                handle = (await self.client()).get_workflow_handle(workflow_id)
                return str(await handle.execute_update(name, order, id=request_id))
        except (TimeoutError, RuntimeError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            # RuntimeError is what a lazy client raises when it cannot connect.
            raise Refused(_AWAY) from error
        except RPCError as error:
            raise Refused(NOT_RUNNING if error.status is RPCStatusCode.NOT_FOUND else _AWAY) from error
        except WorkflowUpdateFailedError as error:
            raise _said_no(error) from error

    async def is_healthy(self) -> bool:
        """Whether the server answers within a second."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                return await (await self.client()).service_client.check_health()
        except (TimeoutError, RPCError, RuntimeError):
            return False


def _said_no(error: WorkflowUpdateFailedError) -> Exception:
    cause: BaseException | None = error.cause
    while cause is not None and not isinstance(cause, ApplicationError):
        cause = cause.__cause__
    kind = (cause.type if cause else None) or ""
    if kind in _DOMAIN:
        return _DOMAIN[kind]()
    return Refused(_NO.get(kind, _NOT_WAITING))


_AWAY = Problem(
    status=503,
    kind="temporal-unavailable",
    title="Temporal or the worker does not answer.",
    detail="It is not known whether the order arrived: read the component before repeating it. Lowering a percentage, "
    "rollback and emergency stop do not need Temporal.",
    headers={"Retry-After": "2"},
)
NOT_RUNNING = Problem(
    status=409,
    kind="not-running",
    title="Nothing runs that could take this order.",
    detail="The component's rollout, or its phase, has not begun or has ended; GET the component says which.",
)
_NOT_WAITING = Problem(
    status=409,
    kind="not-waiting",
    title="The component does not wait for this now.",
    detail="GET the component: `waitingFor` says what it waits for, `status` whether it is held or paused.",
)
_NO: Mapping[str, Problem] = {
    "NotWaiting": _NOT_WAITING,
    "ReasonRequired": Problem(
        status=422,
        kind="reason-required",
        title="This order needs a reason.",
        detail="Send it as `reason`.",
    ),
    "NoAttemptLeft": Problem(
        status=409,
        kind="no-attempt-left",
        title="The component has used all its attempts.",
        detail="Skip it, abort the migration, or start a new one whose plan allows more (`rollback.maxAttempts`).",
    ),
    "ApprovalExpired": Problem(
        status=409,
        kind="approval-expired",
        title="The request for approval has expired.",
        detail="Resume the component: it is asked for again, and can be given then.",
    ),
    "CoolingDown": Problem(
        status=409,
        kind="cooling-down",
        title="The component cools down after its rollback.",
        detail="Repeat the order when the plan's `rollback.cooldown` has passed since the rollback.",
    ),
}
