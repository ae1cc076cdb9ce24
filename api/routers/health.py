"""Health: open without a token, always 200, and honest about what does not work."""

import asyncio
from dataclasses import dataclass

from fastapi import Request

from api.auth import Scope
from api.problems import Refused
from api.replica import LEASE_SECONDS
from api.route import needs, resource
from api.services import Services, services_of
from crossfade.system_health import DATABASE_AWAY, FLAGS_OLD, TEMPORAL_AWAY, silence
from store import monitors, runs

router = resource("health")

DATABASE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Dependency:
    """One thing that Crossfade needs; `issue` is empty where it works."""

    issue: str = ""

    def shown(self) -> dict[str, object]:
        """The dependency as JSON."""
        return {"healthy": not self.issue, **({"issue": self.issue} if self.issue else {})}


@router.get("/health", summary="Health", openapi_extra=needs(Scope.OPEN))
async def health(request: Request) -> dict[str, object]:
    """Whether everything works, and if not, what does not and what that means.

    The status is 200 either way: a replica whose Temporal is away still stops traffic and must get its requests.
    """
    services = services_of(request)
    (database, monitor), temporal = await asyncio.gather(_database(services), _temporal(services))
    dependencies = {"database": database, "flags": _flags(services), "temporal": temporal, "worker": monitor}
    issues = [dependency.issue for dependency in dependencies.values() if dependency.issue]
    return {
        "healthy": not issues,
        "issues": issues,
        "environment": services.settings.environment,
        "dependencies": {name: dependency.shown() for name, dependency in dependencies.items()},
    }


async def _database(services: Services) -> tuple[Dependency, Dependency]:
    """Postgres, and what it says about the worker's monitor."""
    environment = services.settings.environment
    try:
        async with services.database.transaction(DATABASE_SECONDS) as connection:
            age = await monitors.age(connection, environment)
            live = await runs.live(connection, environment)
    except Refused:
        return Dependency(DATABASE_AWAY), Dependency()
    return Dependency(), Dependency(silence(age, has_live_run=bool(live)))


def _flags(services: Services) -> Dependency:
    if not (services.replica.age <= LEASE_SECONDS):
        return Dependency(FLAGS_OLD)
    return Dependency()


async def _temporal(services: Services) -> Dependency:
    if await services.temporal.is_healthy():
        return Dependency()
    return Dependency(TEMPORAL_AWAY)
