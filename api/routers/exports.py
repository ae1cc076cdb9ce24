"""Flags for other systems."""

from api.auth import Scope
from api.route import needs, resource
from api.services import By, The
from crossfade import flagd
from store import flags

router = resource("flags")


@router.get("/exports/flagd", summary="Export the flags to flagd", openapi_extra=needs(Scope.READ))
async def export_flagd(the: The, by: By) -> dict[str, object]:
    """Every flag as a document of flagd, for engines of the generation that `metadata.engine` names.

    Those serve the same people; later ones hash differently, and a share of them is other people. `metadata.leftOut`
    names the flags that flagd cannot express.
    """
    async with the.database.transaction() as connection:
        snapshot = await flags.snapshot(connection, by.environment)
    return flagd.export(snapshot.flags, environment=by.environment, revision=snapshot.revision)
