"""Migrations: started from a plan, listed, paused, resumed, aborted."""

import asyncio
import re
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from api.auth import Caller, Scope
from api.bodies import Because, Body
from api.current import chosen
from api.names import IdempotencyKey, Limit
from api.orders import refuse_stopped, tell
from api.problems import Problem, Refused, documented
from api.repeats import once
from api.route import needs, resource
from api.routers.phases import phase_shown
from api.services import By, Services, The
from api.shown import shown
from crossfade import plan as plans
from crossfade.plan.resolved import Plan
from store import components, migrations, phases
from store.engine import AsyncConnection
from store.migrations import Migration

router = resource("migrations")
_ORDER: dict[str, Any] = {
    "status_code": 202,
    "responses": documented({404, 409}),
    "openapi_extra": needs(Scope.OPERATE),
}

MOST_PLAN_CHARACTERS = 5 * 1024 * 1024
# A plan may name variables of the server's environment, but never the server's own secrets.
_OWN_VARIABLES = re.compile(r"CROSSFADE_|TEMPORAL_|DATABASE_URL\Z|PG[A-Z]+\Z")


class MigrationBody(Body):
    """The text of a plan, or the name of one that ships with the server."""

    plan: Annotated[str, Field(min_length=1, max_length=MOST_PLAN_CHARACTERS, description="YAML")] | None = None
    shipped: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")] | None = None


@router.post(
    "/migrations",
    summary="Start a migration",
    status_code=202,
    responses=documented({404, 409}),
    openapi_extra=needs(Scope.OPERATE),
)
async def start(body: MigrationBody, the: The, by: By, key: IdempotencyKey = None) -> dict[str, object]:
    """Check the plan as a whole and start it; it is refused as a whole, with every problem's line and field.

    The start goes through the outbox: it is certain, and happens when Temporal is there.
    """
    text, file = await _text(body, the)
    plan = await asyncio.to_thread(plans.load, text, environ=_environ(the), file=file)
    _require_here(plan, by.environment)
    async with the.database.transaction() as connection:
        act = partial(_create, connection, by, plan, text)
        return await once(connection, by, "migrations", key, body, act)


@router.get("/migrations", summary="List migrations", openapi_extra=needs(Scope.READ))
async def list_migrations(the: The, by: By, limit: Limit = 100) -> dict[str, object]:
    """The latest migrations, newest first."""
    async with the.database.transaction() as connection:
        found = await migrations.list(connection, environment=by.environment, limit=limit)
    return {"migrations": [_summary(migration) for migration in found]}


@router.get(
    "/migrations/{migration_id}",
    summary="Read a migration",
    responses=documented({404}),
    openapi_extra=needs(Scope.READ),
)
async def get_migration(migration_id: UUID, the: The, by: By) -> dict[str, object]:
    """One migration with its phases and components."""
    async with the.database.transaction() as connection:
        migration = await chosen(connection, by, migration_id)
        of_phases = await phases.list(connection, migration_id=migration_id)
        of_components = await components.list(connection, migration_id=migration_id)
    return {
        **_summary(migration),
        "phases": [phase_shown(phase) for phase in of_phases],
        "components": [
            {"name": part.name, "phase": part.phase, "status": part.status, "waitingFor": part.waiting_for}
            for part in of_components
        ],
    }


@router.post("/migrations/{migration_id}/pause", summary="Pause a migration", **_ORDER)
async def pause(
    migration_id: UUID, the: The, by: By, body: Because | None = None, key: IdempotencyKey = None
) -> dict[str, object]:
    """Stop advancing and the hold clocks of the whole migration; judging, rollback and stop go on."""
    return await _tell(migration_id, "pause", the, by, body or Because(), key)


@router.post("/migrations/{migration_id}/resume", summary="Resume a migration", **_ORDER)
async def resume(
    migration_id: UUID, the: The, by: By, body: Because | None = None, key: IdempotencyKey = None
) -> dict[str, object]:
    """Go on after a pause."""
    return await _tell(migration_id, "resume", the, by, body or Because(), key)


@router.post("/migrations/{migration_id}/abort", summary="Abort a migration", **_ORDER)
async def abort(
    migration_id: UUID, the: The, by: By, body: Because | None = None, key: IdempotencyKey = None
) -> dict[str, object]:
    """Roll back what is live, leave what is completed, and end."""
    return await _tell(migration_id, "abort", the, by, body or Because(), key)


async def _create(connection: AsyncConnection, by: Caller, plan: Plan, text: bytes) -> dict[str, object]:
    migration = await migrations.create(connection, plan=plan, text=text, actor=by.actor)
    return {**_summary(migration), "warnings": plan.warnings, "withoutEffect": plan.without_effect}


async def _tell(
    migration_id: UUID, order: str, the: Services, by: Caller, because: Because, key: str | None
) -> dict[str, object]:
    async with the.database.transaction() as connection:
        migration = await chosen(connection, by, migration_id)
        act = partial(_queue, connection, by, migration, order, because.reason)
        return await once(connection, by, f"{migration.id}/{order}", key, because, act)


async def _queue(
    connection: AsyncConnection, by: Caller, migration: Migration, order: str, reason: str
) -> dict[str, object]:
    await refuse_stopped(connection, by, order)
    if not migration.status.is_live:
        raise Refused(_ENDED)
    await tell(connection, by, migration.workflow_id, order, reason=reason)
    return {"id": str(migration.id), "order": order, "accepted": True}


async def _text(body: MigrationBody, services: Services) -> tuple[bytes, str]:
    if (body.plan is None) == (body.shipped is None):
        raise Refused(_ONE_OF_TWO)
    if body.plan is not None:
        return body.plan.encode(), "plan"
    file = services.settings.plans / f"{body.shipped}.yaml"
    try:
        return await asyncio.to_thread(file.read_bytes), file.name
    except FileNotFoundError:
        raise Refused(_NOT_SHIPPED) from None


def _environ(services: Services) -> dict[str, str]:
    environ = services.settings.environ
    return {name: value for name, value in environ.items() if not _OWN_VARIABLES.match(name)}


def _require_here(plan: Plan, environment: str) -> None:
    if plan.environment != environment:
        raise Refused(_ELSEWHERE)


def _summary(migration: Migration) -> dict[str, object]:
    return {
        "id": str(migration.id),
        "name": migration.name,
        "number": migration.number,
        "environment": migration.environment,
        "status": migration.status,
        "reason": migration.reason,
        "actor": migration.actor,
        "createdAt": shown(migration.created_at),
        "startedAt": shown(migration.started_at),
        "finishedAt": shown(migration.finished_at),
        "digest": migration.digest,
        "workflowId": migration.workflow_id,
    }


_ONE_OF_TWO = Problem(
    status=422,
    kind="invalid-request",
    title="A value is not valid.",
    detail="Send either `plan`, the text of a plan, or `shipped`, the name of one that ships with the server.",
)
_NOT_SHIPPED = Problem(
    status=404,
    kind="unknown-plan",
    title="No such plan ships with this server.",
    detail="Send its text as `plan`, or another name as `shipped`.",
)
_ELSEWHERE = Problem(
    status=422,
    kind="other-environment",
    title="The plan is for another environment.",
    detail="Nothing was created. Send it to the server of its environment.",
)
_ENDED = Problem(
    status=409,
    kind="migration-has-ended",
    title="The migration has ended.",
    detail="Start a new one from its plan; components that are complete and on are skipped.",
)
