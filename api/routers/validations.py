"""Validations: asked for by a person, listed, read."""

import asyncio
import re
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Header, Response
from pydantic import Field

from api.auth import Caller, Scope
from api.bodies import Body, Key
from api.names import ComponentName, IdempotencyKey, Limit
from api.problems import Problem, Refused, documented
from api.repeats import once
from api.route import needs, resource
from api.services import By, Services, The
from api.shown import shown
from crossfade.errors import UnknownComponent
from crossfade.plan.resolved import ValidationPlan
from store import components, flags, outbox, phases, validations
from store.components import Component
from store.documents import Document
from store.engine import AsyncConnection
from store.validations import Checkpoint

router = resource("validations")

POLL_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 10
# The user's body names a sample and no bound: 1 % at 95 % is what it is judged against unless the plan says otherwise.
DEFAULT_MAX_MISMATCH = 0.01
DEFAULT_CONFIDENCE = 0.95
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*([0-9]{1,4})(?=$|[,;\s])", re.IGNORECASE)
_BY_HAND = "by hand"


class ValidationBody(Body):
    """What to validate; `phase` is 1-based and checked against the plan, `name` chooses one of its validations."""

    phase: Annotated[int, Field(ge=1, le=10_000)] | None = None
    sample_size: Annotated[int, Field(ge=1, le=100_000_000)] = 1000
    name: Key | None = None
    max_mismatch: Annotated[float, Field(gt=0, lt=1, description="a fraction")] | None = None
    confidence: Annotated[float, Field(ge=0.5, lt=1)] | None = None
    share: Annotated[float, Field(gt=0, le=1, description="of the component's calls")] = 1.0


@router.post(
    "/validation/{component}",
    summary="Validate a component",
    status_code=202,
    responses={200: {"description": "With Prefer: wait, the result."}, **documented({404, 409})},
    openapi_extra=needs(Scope.OPERATE),
)
async def validate(
    component: ComponentName,
    the: The,
    by: By,
    response: Response,
    body: ValidationBody | None = None,
    prefer: Annotated[str | None, Header(max_length=200, description="wait=N waits up to 10 s for the result.")] = None,
    key: IdempotencyKey = None,
) -> dict[str, object]:
    """Compare both sides on live traffic, off the request path, until the sample proves or refutes its bound.

    A sample too small to prove its bound answers `inconclusive` with the samples that are missing.
    """
    order = body or ValidationBody()
    async with the.database.transaction() as connection:
        act = partial(_begin, connection, component, order, by)
        begun = await once(connection, by, f"validation/{component}", key, order, act)
        found = UUID(begun["validationId"])
        checkpoint = await validations.get(connection, environment=by.environment, checkpoint_id=found)
    seconds = _seconds(prefer)
    if seconds:
        response.headers["Preference-Applied"] = f"wait={seconds}"
        checkpoint = await _await_result(the, checkpoint, seconds)
    response.status_code = 200 if checkpoint.verdict else 202
    return validation_shown(checkpoint)


@router.get("/validations", summary="List validations", openapi_extra=needs(Scope.READ))
async def list_validations(the: The, by: By, limit: Limit = 100) -> dict[str, object]:
    """The latest validations, newest first."""
    async with the.database.transaction() as connection:
        found = await validations.list(connection, environment=by.environment, limit=limit)
    return {"validations": [validation_shown(checkpoint) for checkpoint in found]}


@router.get(
    "/validations/{validation_id}",
    summary="Read a validation",
    responses=documented({404}),
    openapi_extra=needs(Scope.READ),
)
async def get_validation(validation_id: UUID, the: The, by: By) -> dict[str, object]:
    """One validation with its verdict, its counts and its bounds."""
    async with the.database.transaction() as connection:
        checkpoint = await validations.get(connection, environment=by.environment, checkpoint_id=validation_id)
    return validation_shown(checkpoint)


def workflow_id(checkpoint: Checkpoint) -> str:
    """The workflow that watches a checkpoint that a person has opened."""
    return f"validation/{checkpoint.environment}/{checkpoint.id}"


def validation_shown(checkpoint: Checkpoint) -> dict[str, object]:
    """A validation as JSON."""
    answer = shown(checkpoint)
    assert isinstance(answer, dict)
    answer.pop("effect")
    return {"validationId": answer.pop("id"), "workflowId": workflow_id(checkpoint), **answer}


async def _begin(connection: AsyncConnection, name: str, body: ValidationBody, by: Caller) -> Document:
    checkpoint = await _open(connection, name, body, by)
    await _watch(connection, checkpoint)
    return {"validationId": str(checkpoint.id)}


async def _open(connection: AsyncConnection, name: str, body: ValidationBody, by: Caller) -> Checkpoint:
    component = await _component(connection, name, body, by)
    planned = _planned(component, body.name)
    request = validations.Request(
        environment=by.environment,
        component=name,
        name=body.name or (planned.name if planned else _BY_HAND),
        sample=body.sample_size,
        max_mismatch=body.max_mismatch or (planned.max_mismatch if planned else DEFAULT_MAX_MISMATCH),
        confidence=body.confidence or (planned.confidence if planned else DEFAULT_CONFIDENCE),
        share=Decimal(str(body.share)),
        phase=component.phase if component else None,
        requested_by=by.actor,
    )
    return await validations.open(connection, request)


async def _component(connection: AsyncConnection, name: str, body: ValidationBody, by: Caller) -> Component | None:
    """The component in its newest migration; None for a flag that belongs to none.

    Raises:
        UnknownComponent: There is neither, or a phase was named without a migration.
        Refused: 422, the component is in another phase.
    """
    try:
        component = await components.latest(connection, environment=by.environment, name=name)
    except UnknownComponent:
        if await flags.find(connection, environment=by.environment, name=name) is None:
            raise
        return None
    names = [phase.name for phase in await phases.list(connection, migration_id=component.migration_id)]
    if body.phase is not None and names[body.phase - 1 : body.phase] != [component.phase]:
        raise Refused(_OTHER_PHASE)
    return component


def _planned(component: Component | None, name: str | None) -> ValidationPlan | None:
    planned = component.plan.validations if component else ()
    chosen = [check for check in planned if name in {None, check.name}]
    return chosen[0] if chosen else None


async def _watch(connection: AsyncConnection, checkpoint: Checkpoint) -> None:
    await outbox.enqueue(
        connection,
        environment=checkpoint.environment,
        workflow_id=workflow_id(checkpoint),
        kind="start",
        name="Validation",
        payload={
            "environment": checkpoint.environment,
            "validation_id": str(checkpoint.id),
            "component": checkpoint.component,
        },
        request_id=f"{checkpoint.id}/start",
    )


async def _await_result(the: Services, checkpoint: Checkpoint, seconds: int) -> Checkpoint:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not checkpoint.verdict:
                await asyncio.sleep(POLL_SECONDS)
                async with the.database.transaction() as connection:
                    checkpoint = await validations.get(
                        connection, environment=checkpoint.environment, checkpoint_id=checkpoint.id
                    )
    return checkpoint


def _seconds(prefer: str | None) -> int:
    """How long the caller prefers to wait (RFC 7240, `wait`), 10 s at most."""
    found = _WAIT.search(prefer or "")
    return min(int(found[1]), LONGEST_WAIT_SECONDS) if found else 0


_OTHER_PHASE = Problem(
    status=422,
    kind="other-phase",
    title="The component does not belong to that phase.",
    detail="Phases are counted from 1 in the order of the plan: GET /api/migration/phases lists them.",
)
