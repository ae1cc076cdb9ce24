"""The SDK's protocol: flags, confirmations that renew validity, and a clean goodbye."""

import json
from typing import Annotated

from fastapi import Header, Path, Response
from pydantic import Field

from api.auth import Scope
from api.bodies import Body
from api.etags import etag, is_unchanged
from api.replica import Served
from api.route import needs, resource
from api.services import By, The
from store import clients

router = resource("sdk")

ClientId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$")]


class Confirmation(Body):
    """What a client serves."""

    client_id: ClientId
    revision: Annotated[int, Field(ge=0)]
    epoch: Annotated[int, Field(ge=0)]


@router.get(
    "/sdk/flags",
    summary="Get all flags",
    responses={304: {"description": "Still at that revision."}},
    openapi_extra=needs(Scope.SDK),
)
async def get_flags(
    the: The, by: By, if_none_match: Annotated[str | None, Header(alias="If-None-Match", max_length=1000)] = None
) -> Response:
    """Every flag with its definition. `validFor` is for who looks: a client is renewed by its confirmation alone."""
    the.require_own(by)
    served = the.replica.served()
    headers = {"ETag": etag(served.revision), "Cache-Control": "no-store"}
    if is_unchanged(if_none_match, served.revision):
        return Response(status_code=304, headers=headers)
    return Response(_document(served), headers=headers, media_type="application/json")


@router.post("/sdk/confirmations", summary="Confirm what is served", openapi_extra=needs(Scope.SDK))
async def confirm(body: Confirmation, the: The, by: By) -> dict[str, object]:
    """Renew the client's validity, and learn whether there is something newer.

    `validFor` is 0 where nobody is renewed: this replica is past its lease, or the client could not be recorded. A
    client goes by it only if revision and epoch are those that it serves. `recorded` is whether this server knows the
    client from here on; before that, a client with revision 0 serves nothing that it fetches.
    """
    the.require_own(by)
    # In this order: whoever proves a stop finds every client with a validity, or a replica that has obeyed before.
    confirmed = clients.Confirmed(client_id=body.client_id, revision=body.revision, epoch=body.epoch)
    is_recorded = await the.confirmations.record(confirmed)
    served = the.replica.served()
    return {
        "revision": served.revision,
        "epoch": served.epoch,
        "validFor": served.valid_for if is_recorded else 0.0,
        "recorded": is_recorded,
    }


@router.delete("/sdk/clients/{client_id}", summary="Leave", status_code=204, openapi_extra=needs(Scope.SDK))
async def leave(
    client_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$")], the: The, by: By
) -> None:
    """A client that has ended in good order is asked by nobody whether it obeys a stop."""
    async with the.database.transaction() as connection:
        await clients.leave(connection, environment=by.environment, client_id=client_id)


def _document(served: Served) -> bytes:
    head = {
        "environment": served.environment,
        "revision": served.revision,
        "epoch": served.epoch,
        "validFor": served.valid_for,
    }
    return json.dumps(head).encode()[:-1] + b', "flags": ' + served.flags + b"}"
