"""Metrics: summaries from the SDK and raw points from anybody, each batch counted once."""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import Header, Request

from api.auth import Scope
from api.problems import Problem, Refused
from api.route import needs, resource
from api.services import By, The
from crossfade.errors import InvalidBatch
from crossfade.intake import digest
from crossfade.wire import Batch, Point, Summary
from store import metrics

router = resource("metrics")

SCHEMAS: Mapping[str, object] = msgspec.json.schema_components([Batch], ref_template="#/components/schemas/{name}")[1]
_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Batch"}}},
}
_MEMBERS: Mapping[type, frozenset[str]] = {
    kind: frozenset(field.name for field in fields(kind)) for kind in (Batch, Summary, Point)
}
# A path made of our own names and indexes; anything else in the decoder's message could quote the body.
_PLACE = re.compile(r"`(\$[A-Za-z0-9_.\[\]]*)`\Z")


@router.post(
    "/metrics",
    summary="Report metrics",
    openapi_extra=needs(Scope.METRICS, requestBody=_BODY),
)
async def post_metrics(
    request: Request,
    the: The,
    by: By,
    sent_at: Annotated[
        float | None,
        Header(
            alias="Crossfade-Sent-At",
            allow_inf_nan=False,
            description="When this very request was sent, in epoch seconds; a batch that is repeated keeps its bytes.",
        ),
    ] = None,
) -> dict[str, object]:
    """Count a batch exactly once. A malformed value refuses the whole batch; rows outside the time limits are dropped.

    A batch id that was accepted before repeats the first answer with `duplicate: true`, if the content is the same.
    """
    batch = decode(await request.body(), await request.json())
    if sent_at is not None:
        batch = replace(batch, sentAt=sent_at)
    async with the.database.transaction() as connection:
        result = await metrics.ingest(
            connection, environment=by.environment, batch=batch, digest=digest(batch), now=datetime.now(UTC)
        )
    return {
        "batchId": result.batch_id,
        "accepted": result.accepted,
        "dropped": [{"index": drop.index, "reason": drop.reason} for drop in result.dropped],
        "duplicate": result.duplicate,
    }


def decode(raw: bytes, value: object) -> Batch:
    """The batch that `raw` says; `value` is the same JSON, already found to be strict.

    Raises:
        InvalidBatch: A member is unknown.
        Refused: 422, a member is missing or of another type.
    """
    try:
        batch = msgspec.json.decode(raw, type=Batch)
    except msgspec.ValidationError as error:
        raise Refused(_mistyped(str(error))) from None
    except msgspec.DecodeError:
        raise Refused(_mistyped("")) from None
    assert isinstance(value, dict)
    _check_members("$", Batch, value)
    for kind, name in ((Summary, "summaries"), (Point, "points")):
        for index, row in enumerate(value.get(name, ())):
            _check_members(f"{name}[{index}]", kind, row)
    return batch


def _check_members(where: str, kind: type, row: Mapping[str, object]) -> None:
    if not row.keys() <= _MEMBERS[kind]:
        raise InvalidBatch(f"{where} has an unknown member")


def _mistyped(message: str) -> Problem:
    place = _PLACE.search(message)
    where = place[1] if place else "$"
    return Problem(
        status=422,
        kind="invalid-batch",
        title="The batch of metrics is not valid.",
        detail="The whole batch was refused; nothing was counted.",
        more={"errors": [{"field": where, "message": "is missing or of another type"}]},
    )
