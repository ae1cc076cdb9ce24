"""Phases of a migration: listed, paused, resumed."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path

from api.auth import Caller, Scope
from api.bodies import Because
from api.current import chosen
from api.names import IdempotencyKey, MigrationQuery
from api.orders import refuse_stopped, tell
from api.problems import Problem, Refused, documented
from api.repeats import once
from api.route import needs, resource
from api.services import By, Services, The
from api.shown import shown
from crossfade.states import PhaseStatus
from store import phases
from store.engine import AsyncConnection
from store.migrations import Migration
from store.phases import Phase
from workflows.messages import phase_id

router = resource("phases")
PhaseName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$")]
_ORDER: dict[str, Any] = {
    "status_code": 202,
    "responses": documented({404, 409}),
    "openapi_extra": needs(Scope.OPERATE),
}
_BEGUN = frozenset({PhaseStatus.RUNNING, PhaseStatus.VALIDATING, PhaseStatus.PAUSED})


@router.get("/phases", summary="List phases", responses=documented({404}), openapi_extra=needs(Scope.READ))
async def list_phases(the: The, by: By, migration_id: MigrationQuery = None) -> dict[str, object]:
    """The phases of a migration in the order of its plan."""
    async with the.database.transaction() as connection:
        migration = await chosen(connection, by, migration_id)
        found = await phases.list(connection, migration_id=migration.id)
    return {"migrationId": str(migration.id), "phases": [phase_shown(phase) for phase in found]}


@router.post("/phases/{phase}/pause", summary="Pause a phase", **_ORDER)
async def pause(
    phase: PhaseName,
    the: The,
    by: By,
    body: Because | None = None,
    migration_id: MigrationQuery = None,
    key: IdempotencyKey = None,
) -> dict[str, object]:
    """Stop advancing and the hold clocks of the whole phase; judging, rollback and stop go on."""
    return await _tell((phase, migration_id), "pause", the, by, body or Because(), key)


@router.post("/phases/{phase}/resume", summary="Resume a phase", **_ORDER)
async def resume(
    phase: PhaseName,
    the: The,
    by: By,
    body: Because | None = None,
    migration_id: MigrationQuery = None,
    key: IdempotencyKey = None,
) -> dict[str, object]:
    """Go on after a pause of the phase, and validate a failed gate again.

    A component that was paused by itself stays paused, and so does a phase whose component has rolled back.
    """
    return await _tell((phase, migration_id), "resume", the, by, body or Because(), key)


def phase_shown(phase: Phase) -> dict[str, object]:
    """A phase as JSON."""
    return {
        "name": phase.name,
        "status": phase.status,
        "reason": phase.reason,
        "dependsOn": phase.depends_on,
        "startedAt": shown(phase.started_at),
        "finishedAt": shown(phase.finished_at),
    }


async def _tell(
    which: tuple[str, UUID | None], order: str, the: Services, by: Caller, because: Because, key: str | None
) -> dict[str, object]:
    name, migration_id = which
    async with the.database.transaction() as connection:
        migration = await chosen(connection, by, migration_id)
        found = [phase for phase in await phases.list(connection, migration_id=migration.id) if phase.name == name]
        if not found:
            raise Refused(_UNKNOWN)
        act = partial(_queue, connection, by, migration, found[0], order, because.reason)
        return await once(connection, by, f"{migration.id}/{name}/{order}", key, because, act)


async def _queue(
    connection: AsyncConnection, by: Caller, migration: Migration, phase: Phase, order: str, reason: str
) -> dict[str, object]:
    await refuse_stopped(connection, by, order)
    if phase.status not in _BEGUN or not migration.status.is_live:
        raise Refused(_NOT_RUNNING)
    await tell(connection, by, phase_id(migration.environment, migration.name, phase.name), order, reason=reason)
    return {"migrationId": str(migration.id), "phase": phase.name, "order": order, "accepted": True}


_UNKNOWN = Problem(
    status=404,
    kind="unknown-phase",
    title="The migration has no such phase.",
    detail="GET /api/migration/phases lists its phases.",
)
_NOT_RUNNING = Problem(
    status=409,
    kind="not-running",
    title="The phase does not run.",
    detail="It has not begun or has ended; pausing the migration keeps it from beginning.",
)
