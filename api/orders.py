"""Orders that reach a workflow as a signal, through the outbox: certain, and in time when Temporal is back."""

from api.auth import Caller
from crossfade.errors import Stopped
from store import control, outbox
from store.engine import AsyncConnection
from store.identifiers import uuid7

RAISING = frozenset({"approve", "promote", "resume", "retry"})
"""Orders after which more may be served."""


async def refuse_stopped(connection: AsyncConnection, by: Caller, order: str) -> None:
    """Refuse an order after which more may be served while a stop of the environment is in force.

    Raises:
        Stopped: One is.
    """
    if order in RAISING and (await control.get(connection, by.environment)).is_stopped:
        raise Stopped


async def tell(connection: AsyncConnection, by: Caller, workflow: str, order: str, *, reason: str) -> None:
    """Queue an order; a workflow to which it is delivered twice obeys it once."""
    order_id = str(uuid7())
    await outbox.enqueue(
        connection,
        environment=by.environment,
        workflow_id=workflow,
        kind="signal",
        name=order,
        payload={"actor": by.actor, "reason": reason, "order_id": order_id},
        request_id=order_id,
    )
