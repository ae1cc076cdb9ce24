"""The emergency stop."""

from uuid import UUID

from pydantic import Field

from api.auth import Caller, Scope
from api.bodies import Body, Reason
from api.names import IdempotencyKey
from api.problems import documented
from api.repeats import once
from api.route import needs, resource
from api.services import By, The
from api.shown import shown
from store import stops
from store.engine import AsyncConnection

router = resource("emergency stop")

_NOTHING_STAYS = "a stop of the environment does not stay in force: there is no order yet that would end it"


class StopBody(Body):
    """Why; and only one migration's flags where it is named."""

    reason: Reason = "emergency stop"
    migration_id: UUID | None = Field(default=None, strict=False)


@router.post(
    "/emergency-stop",
    summary="Stop everything",
    status_code=202,
    responses=documented({404}),
    openapi_extra=needs(Scope.OPERATE),
)
async def emergency_stop(
    the: The, by: By, body: StopBody | None = None, key: IdempotencyKey = None
) -> dict[str, object]:
    """Disable every flag, roll back every live run and end every live migration as failed, in one transaction.

    It needs neither Temporal nor a worker. The answer says what was stopped in Postgres; every client obeys within its
    validity (5 s for flags with a live rollout), which this answer does not wait for. With `migrationId` only that
    migration's flags are concerned, completed ones too. It restores nothing: start a migration again from its plan.
    """
    order = body or StopBody()
    async with the.database.transaction() as connection:
        return await once(connection, by, "emergency-stop", key, order, lambda: _stop(connection, by, order))


async def _stop(connection: AsyncConnection, by: Caller, order: StopBody) -> dict[str, object]:
    stop = await stops.stop(
        connection,
        environment=by.environment,
        migration_id=order.migration_id,
        actor=by.actor,
        reason=order.reason,
    )
    if order.migration_id is None:
        await stops.release(connection, environment=by.environment, actor=by.actor, reason=_NOTHING_STAYS)
    answer = shown(stop)
    assert isinstance(answer, dict)
    return answer
