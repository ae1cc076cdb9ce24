"""Phases of a migration."""

from api.auth import Scope
from api.current import chosen
from api.names import MigrationQuery
from api.problems import documented
from api.route import needs, resource
from api.services import By, The
from api.shown import shown
from store import phases
from store.phases import Phase

router = resource("phases")


@router.get("/phases", summary="List phases", responses=documented({404}), openapi_extra=needs(Scope.READ))
async def list_phases(the: The, by: By, migration_id: MigrationQuery = None) -> dict[str, object]:
    """The phases of a migration in the order of its plan."""
    async with the.database.transaction() as connection:
        migration = await chosen(connection, by, migration_id)
        found = await phases.list(connection, migration_id=migration.id)
    return {"migrationId": str(migration.id), "phases": [phase_shown(phase) for phase in found]}


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
