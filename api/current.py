"""Which object a request is about, when it does not say so itself."""

from uuid import UUID

from api.auth import Caller
from crossfade.errors import CrossfadeError, UnknownMigration
from store import migrations
from store.engine import AsyncConnection
from store.migrations import Migration


async def chosen(connection: AsyncConnection, caller: Caller, migration_id: UUID | None) -> Migration:
    """The migration that was named; else the newest live one, else the newest.

    Raises:
        UnknownMigration: There is none, or it belongs to another environment.
    """
    if migration_id is not None:
        migration = await migrations.get(connection, migration_id)
        require_own(caller, migration.environment, UnknownMigration)
        return migration
    found = await migrations.list(connection, environment=caller.environment)
    live = [migration for migration in found if migration.status.is_live]
    if not found:
        raise UnknownMigration
    return (live or list(found))[0]


def require_own(caller: Caller, environment: str, error: type[CrossfadeError]) -> None:
    """Answer for an object of another environment as for one that does not exist.

    Raises:
        CrossfadeError: `error`.
    """
    if environment != caller.environment:
        raise error
