"""The emergency stop with its proof, and its release."""

import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field
from starlette.requests import Request

from api.acknowledgement import LEGACY_SECONDS, Proof, Scope, prove
from api.auth import Caller
from api.auth import Scope as Access
from api.bodies import Body, Reason
from api.database import AWAY
from api.names import IdempotencyKey
from api.problems import Problem, Refused, documented
from api.repeats import once
from api.route import Route, needs
from api.services import By, The
from api.shown import shown
from store import flags, releases, stops
from store.documents import Document
from store.engine import AsyncConnection

ANSWER_SECONDS = 1.5
"""How long Postgres may take to say anything; where it says nothing, a whole 503 comes within 3 s."""
RECORD_SECONDS = 4.0
"""How long the stop's own transaction may take: a thousand live runs are ended in 2.5 s."""


class StopRoute(Route):
    """A route that says by when everything live is on legacy anyway, where Postgres cannot be asked."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of other routes behind the translation."""
        handle = super().get_route_handler()

        async def translated(request: Request) -> Response:
            try:
                return await handle(request)
            except Refused as refused:
                if refused.problem.kind != AWAY.kind:
                    raise
                raise Refused(away()) from refused

        return translated


router = APIRouter(prefix="/api/migration", tags=["emergency stop"], route_class=StopRoute)


class StopBody(Body):
    """Why; and only one migration's flags where it is named."""

    reason: Reason = "emergency stop"
    migration_id: UUID | None = Field(default=None, strict=False)


class ReleaseBody(Body):
    """Why; and whether what was complete for everybody is put back as it was."""

    reason: Reason
    restore: Literal["none", "completed"] = "none"


@router.post(
    "/emergency-stop",
    summary="Stop everything",
    responses={
        202: {"description": "Recorded, but those in `mayStillServe` have not confirmed."},
        **documented({404, 409}),
    },
    openapi_extra=needs(Access.OPERATE),
)
async def emergency_stop(
    the: The, by: By, response: Response, body: StopBody | None = None, key: IdempotencyKey = None
) -> dict[str, object]:
    """Disable every flag, roll back every live run, end every live migration as failed, and prove that it is obeyed.

    It needs neither Temporal nor a worker. 200: no replica and no client serves candidate any more. 202: recorded, but
    those in `mayStillServe` have not confirmed, and the flags named there need no lease. A stop of the environment
    stays in force until it is released; with `migrationId` only that migration's flags are concerned, completed ones
    too, and nothing stays in force.
    """
    order = body or StopBody()
    began = time.monotonic()
    async with the.database.transaction(RECORD_SECONDS, answer=ANSWER_SECONDS) as connection:
        recorded = await once(connection, by, "emergency-stop", key, order, lambda: _stop(connection, by, order))
        if key is not None:
            await _require_obeyed(connection, by, recorded)
    proof = await prove(the.database, _scope(by, recorded))
    response.status_code = 200 if proof.may_still_serve is None else 202
    return {**recorded, **_proof_shown(proof), "milliseconds": round((time.monotonic() - began) * 1000, 1)}


async def release(body: ReleaseBody, the: The, by: By, key: IdempotencyKey = None) -> dict[str, object]:
    """End the stop of the environment: migrations may start and flags may rise again.

    It restores no traffic, unless `restore` is `completed`: then the components that were complete for everybody go
    back to exactly what they were, apart from those that somebody has changed since.
    """
    async with the.database.transaction() as connection:
        return await once(connection, by, "emergency-stop/release", key, body, lambda: _release(connection, by, body))


router.add_api_route(
    "/emergency-stop/release",
    release,
    methods=["POST"],
    summary="Release the stop",
    responses=documented({409}),
    openapi_extra=needs(Access.ADMINISTER),
    route_class_override=Route,
)


async def _stop(connection: AsyncConnection, by: Caller, order: StopBody) -> Document:
    stop = await stops.stop(
        connection,
        environment=by.environment,
        migration_id=order.migration_id,
        actor=by.actor,
        reason=order.reason,
    )
    return cast("Document", shown(stop))


async def _require_obeyed(connection: AsyncConnection, by: Caller, recorded: Document) -> None:
    """Prove no stop of yesterday: its epoch has been applied by everybody, and its flags may serve again.

    Raises:
        Refused: 409, one of its flags does.
    """
    stopped = frozenset(recorded["flags"])
    found = await flags.all(connection, by.environment)
    if any(flag.name in stopped and flag.served_percentage for flag in found):
        raise Refused(_OVER)


async def _release(connection: AsyncConnection, by: Caller, order: ReleaseBody) -> Document:
    released = await releases.release(
        connection, environment=by.environment, actor=by.actor, reason=order.reason, restore=order.restore
    )
    return cast("Document", shown(released))


def _scope(by: Caller, recorded: Document) -> Scope:
    return Scope(
        environment=by.environment,
        epoch=recorded["epoch"],
        revision=recorded["revision"],
        flags=recorded["flags"],
    )


def _proof_shown(proof: Proof) -> Document:
    """The proof as JSON; `mayStillServe` only where there is somebody."""
    members = shown(proof)
    assert isinstance(members, dict)
    if proof.may_still_serve is None:
        del members["mayStillServe"]
    return members


def away() -> Problem:
    """Postgres does not answer: by when everything live is on legacy if that stays so."""
    by_then = datetime.now(UTC) + timedelta(seconds=LEGACY_SECONDS)
    return replace(
        AWAY,
        detail=(
            "It is not known that the stop was recorded: repeat it until it is. While Postgres answers nobody, every "
            "flag with a live rollout serves legacy from `legacyBy` on; completed flags stay as they are."
        ),
        more={"legacyBy": by_then.isoformat(timespec="milliseconds"), "secondsUntilLegacy": LEGACY_SECONDS},
    )


_OVER = Problem(
    status=409,
    kind="stop-is-over",
    title="The stop of this key is over: some of its flags serve candidate again.",
    detail="Nothing was stopped now. Draw a new key to stop again.",
)
