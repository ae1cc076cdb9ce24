"""What became of a flag, and its end."""

from functools import partial
from typing import Annotated

from fastapi import Query

from api.auth import Caller, Scope
from api.bodies import Body, Reason
from api.etags import revision_wanted
from api.names import IdempotencyKey, Limit
from api.problems import documented
from api.repeats import once
from api.route import needs, resource
from api.routers.flags import FlagName, IfMatch
from api.services import By, The
from api.shown import shown
from api.strict_json import INT64_MAX
from crossfade.flags import to_definition
from store import flag_history
from store.documents import Document
from store.engine import AsyncConnection

router = resource("flags")

Before = Annotated[
    int | None,
    Query(ge=1, le=INT64_MAX, description="The `sequence` to go on from; the newest first without it."),
]


class ArchiveBody(Body):
    """Why."""

    reason: Reason


@router.get(
    "/feature-flags/{name}/history",
    summary="Read a flag's history",
    responses=documented({404}),
    openapi_extra=needs(Scope.READ),
)
async def get_history(name: FlagName, the: The, by: By, before: Before = None, limit: Limit = 100) -> dict[str, object]:
    """Who changed it, why, and from what to what: `before` and `after` hold the members that changed."""
    async with the.database.transaction() as connection:
        changes = await flag_history.history(
            connection, environment=by.environment, name=name, before=before, limit=limit
        )
    return {"name": name, "changes": shown(changes)}


@router.post(
    "/feature-flags/{name}/archive",
    summary="Archive a flag",
    responses=documented({404, 409, 412}),
    openapi_extra=needs(Scope.OPERATE),
)
async def archive(
    name: FlagName, body: ArchiveBody, the: The, by: By, if_match: IfMatch = None, key: IdempotencyKey = None
) -> dict[str, object]:
    """End a flag that no code asks any more; refused while a run is live.

    Whoever still asks gets the default that it names, and `switch` runs legacy: remove the code first. The history
    stays, and the name is free.
    """
    wanted = revision_wanted(if_match)
    async with the.database.transaction() as connection:
        act = partial(_archive, connection, by, name, body.reason, wanted)
        return await once(connection, by, f"{name}/archive", key, body, act)


async def _archive(connection: AsyncConnection, by: Caller, name: str, reason: str, wanted: int | None) -> Document:
    flag = await flag_history.archive(
        connection,
        environment=by.environment,
        name=name,
        actor=by.actor,
        reason=reason,
        expected_revision=wanted,
    )
    return {"archived": to_definition(flag)}
