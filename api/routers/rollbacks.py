"""Rollbacks: asked for by a person, listed, read with their steps."""

from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Response

from api.auth import Caller, Scope
from api.bodies import Body, Reason
from api.names import ComponentName, IdempotencyKey, Limit
from api.problems import documented
from api.repeats import once
from api.route import needs, resource
from api.services import By, The
from api.shown import shown
from crossfade.states import RollbackTrigger
from store import components, flags, rollbacks
from store.engine import AsyncConnection

router = resource("rollbacks")


class RollbackBody(Body):
    """Why, and whether the former percentage comes back too."""

    reason: Reason = "No reason given."
    restore: Literal["previous"] | None = None


@router.post(
    "/rollback/{component}",
    summary="Roll a component back",
    status_code=202,
    responses={200: {"description": "With dryRun: what would be done."}, **documented({404, 409})},
    openapi_extra=needs(Scope.OPERATE),
)
async def roll_back(
    component: ComponentName,
    the: The,
    by: By,
    response: Response,
    body: RollbackBody | None = None,
    key: IdempotencyKey = None,
    *,
    dry_run: Annotated[bool, Query(alias="dryRun", description="List the steps and change nothing.")] = False,
) -> dict[str, object]:
    """Legacy for everybody at once, in one transaction that needs neither Temporal nor a worker; the steps follow.

    Asked twice for one run it answers with the same rollback.
    """
    order = body or RollbackBody()
    if dry_run:
        response.status_code = 200
        return await _rehearse(component, the, by)
    async with the.database.transaction() as connection:
        act = partial(_begin, connection, by, component, order)
        return await once(connection, by, f"{component}/rollback", key, order, act)


@router.get("/rollbacks", summary="List rollbacks", openapi_extra=needs(Scope.READ))
async def list_rollbacks(the: The, by: By, limit: Limit = 100) -> dict[str, object]:
    """The latest rollbacks, newest first."""
    async with the.database.transaction() as connection:
        found = await rollbacks.list(connection, environment=by.environment, limit=limit)
    return {"rollbacks": shown(found)}


@router.get(
    "/rollbacks/{rollback_id}",
    summary="Read a rollback",
    responses=documented({404}),
    openapi_extra=needs(Scope.READ),
)
async def get_rollback(rollback_id: UUID, the: The, by: By) -> dict[str, object]:
    """One rollback with its steps and its evidence."""
    async with the.database.transaction() as connection:
        rollback = await rollbacks.get(connection, environment=by.environment, rollback_id=rollback_id)
    return {"rollback": shown(rollback)}


async def _begin(connection: AsyncConnection, by: Caller, component: str, order: RollbackBody) -> dict[str, object]:
    await _require_known(connection, by, component)
    rollback = await rollbacks.begin(
        connection,
        environment=by.environment,
        component=component,
        trigger=RollbackTrigger.MANUAL,
        actor=by.actor,
        reason=order.reason,
        evidence={},
        restore=order.restore,
    )
    return {"rollback": shown(rollback)}


async def _rehearse(component: str, the: The, by: By) -> dict[str, object]:
    async with the.database.transaction() as connection:
        await _require_known(connection, by, component)
        target = await rollbacks.preview(connection, environment=by.environment, component=component)
    return {
        "dryRun": True,
        "component": component,
        "fromPercentage": shown(target.flag.served_percentage),
        "steps": target.steps,
    }


async def _require_known(connection: AsyncConnection, by: By, name: str) -> None:
    """Tell a name that nothing has from a component on legacy.

    Raises:
        UnknownComponent: Neither a flag nor a component has it.
    """
    if await flags.find(connection, environment=by.environment, name=name) is None:
        await components.latest(connection, environment=by.environment, name=name)
