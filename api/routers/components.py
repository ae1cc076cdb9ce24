"""Components: where each stands with its evidence, and what a person may order."""

from functools import partial
from typing import Annotated, Any

from pydantic import Field

from api.auth import Caller, Scope
from api.bodies import Because, Body, Reason
from api.component_view import component_shown, components_shown
from api.current import chosen
from api.names import ComponentName, IdempotencyKey, MigrationQuery, effect_of
from api.orders import refuse_stopped, tell
from api.problems import Refused, documented
from api.repeats import once
from api.route import needs, resource
from api.services import By, Services, The
from api.shown import shown
from api.temporal import NOT_RUNNING
from crossfade.percentages import json_number
from store import components, retirements, runs
from store.components import Component
from store.engine import AsyncConnection
from workflows.messages import Approve, ComponentControl, Promote, phase_id, rollout_id

router = resource("components")
_ORDER: dict[str, Any] = {"responses": documented({404, 409}), "openapi_extra": needs(Scope.OPERATE)}
_SIGNAL: dict[str, Any] = {"status_code": 202, **_ORDER}


class ApproveBody(Body):
    """The step that is approved, 1-based; without one, the one that waits."""

    step: Annotated[int, Field(ge=1, le=10_000)] | None = None
    reason: Annotated[str, Field(max_length=2000)] = ""


class WithReason(Body):
    """An order that needs its reason."""

    reason: Reason


@router.get("/components", summary="List components", responses=documented({404}), openapi_extra=needs(Scope.READ))
async def list_components(the: The, by: By, migration_id: MigrationQuery = None) -> dict[str, object]:
    """The components of a migration in the order of its plan, each with its figures."""
    async with the.database.transaction() as connection:
        migration = await chosen(connection, by, migration_id)
        found = await components.list(connection, migration_id=migration.id)
        return {"migrationId": str(migration.id), "components": await components_shown(connection, found)}


@router.get(
    "/components/{component}",
    summary="Read a component",
    responses=documented({404}),
    openapi_extra=needs(Scope.READ),
)
async def get_component(component: ComponentName, the: The, by: By) -> dict[str, object]:
    """One component in its newest migration: what it waits for, the last reading, both sides' figures of this run."""
    async with the.database.transaction() as connection:
        found = await components.latest(connection, environment=by.environment, name=component)
        return await component_shown(connection, found)


@router.post("/components/{component}/approve", summary="Approve a step", **_ORDER)
async def approve(
    component: ComponentName, the: The, by: By, body: ApproveBody | None = None, key: IdempotencyKey = None
) -> dict[str, object]:
    """Consent to the step that waits for it; 409 where none does."""
    order = body or ApproveBody()
    message = Approve(step=order.step, actor=by.actor, reason=order.reason)
    return await _ask_rollout(component, "approve", message, the, by, key)


@router.post("/components/{component}/promote", summary="Promote to the next step", **_ORDER)
async def promote(
    component: ComponentName, the: The, by: By, body: Because | None = None, key: IdempotencyKey = None
) -> dict[str, object]:
    """Skip hold time, minimum sample and approval; never a guardrail, missing data or a validation."""
    message = Promote(actor=by.actor, reason=(body or Because()).reason)
    return await _ask_rollout(component, "promote", message, the, by, key)


@router.post("/components/{component}/retry", summary="Retry a component that has rolled back", **_ORDER)
async def retry(
    component: ComponentName, the: The, by: By, body: Because | None = None, key: IdempotencyKey = None
) -> dict[str, object]:
    """A new run, after the cool-down and with attempts left."""
    return await _ask_phase(component, "retry", (body or Because()).reason, the, by, key)


@router.post("/components/{component}/skip", summary="Skip a component", **_ORDER)
async def skip(
    component: ComponentName, the: The, by: By, body: WithReason, key: IdempotencyKey = None
) -> dict[str, object]:
    """Leave the component on legacy and count it as settled."""
    return await _ask_phase(component, "skip", body.reason, the, by, key)


@router.post("/components/{component}/pause", summary="Pause a component", **_SIGNAL)
async def pause(
    component: ComponentName, the: The, by: By, body: Because | None = None, key: IdempotencyKey = None
) -> dict[str, object]:
    """Stop advancing and the hold clock; judging, rollback and stop go on."""
    return await _tell_rollout(component, "pause", body or Because(), the, by, key)


@router.post("/components/{component}/resume", summary="Resume a component", **_SIGNAL)
async def resume(
    component: ComponentName, the: The, by: By, body: Because | None = None, key: IdempotencyKey = None
) -> dict[str, object]:
    """Go on: after a pause where it stood, after a percentage by hand from the last step at or below it."""
    return await _tell_rollout(component, "resume", body or Because(), the, by, key)


@router.post("/components/{component}/hold", summary="Hold a component where it is", **_ORDER)
async def hold(
    component: ComponentName, the: The, by: By, body: Because | None = None, key: IdempotencyKey = None
) -> dict[str, object]:
    """Stay at the present percentage until resumed, at once and without Temporal; resume re-enters the ramp there."""
    because = body or Because()
    async with the.database.transaction() as connection:
        act = partial(_hold, connection, by, component, because.reason)
        return await once(connection, by, f"{component}/hold", key, because, act)


@router.post("/components/{component}/retire", summary="Retire a complete component", **_ORDER)
async def retire(
    component: ComponentName, body: WithReason, the: The, by: By, key: IdempotencyKey = None
) -> dict[str, object]:
    """Say that its legacy code is gone: from now on neither a stop nor a rollback takes its traffic back.

    Only a component that is complete for everybody can be retired. It cannot be undone.
    """
    async with the.database.transaction() as connection:
        act = partial(_retire, connection, by, component, body.reason)
        return await once(connection, by, f"{component}/retire", key, body, act)


async def _hold(connection: AsyncConnection, by: Caller, component: str, reason: str) -> dict[str, object]:
    await _require_live_run(connection, by.environment, component)
    held = await runs.lower(connection, environment=by.environment, component=component, actor=by.actor, reason=reason)
    return {"component": component, "order": "hold", "percentage": json_number(held.percentage)}


async def _retire(connection: AsyncConnection, by: Caller, component: str, reason: str) -> dict[str, object]:
    retirement = await retirements.retire(
        connection, environment=by.environment, component=component, actor=by.actor, reason=reason
    )
    return {"component": component, "order": "retire", "retiredAt": shown(retirement.retired_at)}


async def _ask_rollout(
    component: str, name: str, message: Approve | Promote, the: Services, by: Caller, key: str | None
) -> dict[str, object]:
    async with the.database.transaction() as connection:
        await components.latest(connection, environment=by.environment, name=component)
        await refuse_stopped(connection, by, name)
    workflow = rollout_id(by.environment, component)
    answer = await the.temporal.update(
        workflow, name, message, request_id=effect_of(by.environment, f"{component}/{name}", key)
    )
    return {"component": component, "order": name, "answer": answer}


async def _ask_phase(
    component: str, name: str, reason: str, the: Services, by: Caller, key: str | None
) -> dict[str, object]:
    async with the.database.transaction() as connection:
        found = await components.latest(connection, environment=by.environment, name=component)
        await refuse_stopped(connection, by, name)
    workflow = phase_id(by.environment, _migration_name(found), found.phase)
    message = ComponentControl(component=component, actor=by.actor, reason=reason)
    answer = await the.temporal.update(
        workflow, name, message, request_id=effect_of(by.environment, f"{component}/{name}", key)
    )
    return {"component": component, "order": name, "answer": answer}


async def _tell_rollout(
    component: str, name: str, because: Because, the: Services, by: Caller, key: str | None
) -> dict[str, object]:
    async with the.database.transaction() as connection:
        act = partial(_queue, connection, by, component, name, because.reason)
        return await once(connection, by, f"{component}/{name}", key, because, act)


async def _queue(connection: AsyncConnection, by: Caller, component: str, order: str, reason: str) -> dict[str, object]:
    await refuse_stopped(connection, by, order)
    await _require_live_run(connection, by.environment, component)
    await tell(connection, by, rollout_id(by.environment, component), order, reason=reason)
    return {"component": component, "order": order, "accepted": True}


async def _require_live_run(connection: AsyncConnection, environment: str, component: str) -> None:
    """Refuse an order to what does not run.

    Raises:
        UnknownComponent: There is no such component.
        Refused: 409, it has no live run.
    """
    await components.latest(connection, environment=environment, name=component)
    run = await runs.latest(connection, environment=environment, component=component)
    if run is None or not run.state.is_live:
        raise Refused(NOT_RUNNING)


def _migration_name(component: Component) -> str:
    """The plan's name in `name/number`."""
    return component.migration.rpartition("/")[0]
