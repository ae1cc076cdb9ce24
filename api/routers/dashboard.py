"""The dashboard: everything about a migration in one answer, or as a stream of them."""

from typing import Annotated, Any, Literal

import anyio
from fastapi import Depends, Header, Query, Request, Response
from sse_starlette import EventSourceResponse

from api.auth import Caller, Scope, bearer, permit
from api.dashboard import View
from api.dashboard_example import EXAMPLE, EXAMPLE_OF_STREAM
from api.names import MigrationQuery
from api.problems import documented
from api.route import needs, resource
from api.services import By, Services, The
from api.stream import Viewer, events
from crossfade.trends import WINDOWS
from store import components, flags

router = resource("dashboard")

HEARTBEAT_SECONDS = 15
GRACE_SECONDS = 2  # less than the server has in all, see api/__main__.py
_SCHEMA: dict[str, Any] = {"type": "object"}
ComponentQuery = Annotated[
    str | None,
    Query(pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$", description="Narrows `performance` to one component."),
]
WindowQuery = Annotated[Literal["15m", "1h", "6h"], Query(description="How far back `performance` looks.")]
IntervalQuery = Annotated[float, Query(ge=1, le=5, description="Seconds between two events.")]
LastQuery = Annotated[
    str | None, Query(max_length=100, description="The same as Last-Event-ID, for a page that opens a new stream.")
]
LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=100, description="The id of the last event that was received."),
]


async def wanted(
    the: The, by: By, migration_id: MigrationQuery = None, component: ComponentQuery = None, window: WindowQuery = "1h"
) -> View:
    """The view that a request asks for.

    Raises:
        UnknownComponent: Neither a flag nor a component has that name.
    """
    if component is not None:
        async with the.database.transaction() as connection:
            if await flags.find(connection, environment=by.environment, name=component) is None:
                await components.latest(connection, environment=by.environment, name=component)
    return View(by.environment, migration_id, component, WINDOWS[window])


Wanted = Annotated[View, Depends(wanted)]


@router.get(
    "/dashboard",
    summary="Read the dashboard",
    responses={200: {"content": {"application/json": {"schema": _SCHEMA, "example": EXAMPLE}}}, **documented({404})},
    response_class=Response,
    openapi_extra=needs(Scope.READ),
)
async def get_dashboard(the: The, view: Wanted) -> Response:
    """A migration with its phases and components, and the health, trends, alerts and history of its environment.

    `migration` is null while there is none. A component's `legacy` and `candidate` are what its run did within the last
    `figuresSeconds`; null where it did nothing. A point of `performance` without data is null, and the last one is
    still growing. The answer is at most a second old. Alerts, rollbacks, validations and experiments are those of the
    environment, each list with the newest 20 (alerts: the worst 100; `total` and `bySeverity` count all of them).
    """
    event = await the.hub.latest(view)
    return Response(event.body, media_type="application/json", headers={"Cache-Control": "no-store"})


@router.get(
    "/dashboard/stream",
    summary="Follow the dashboard",
    responses={
        200: {
            "description": "Server-sent events without end.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE_OF_STREAM}},
        },
        **documented({404}),
    },
    response_class=Response,
    openapi_extra=needs(Scope.READ),
)
async def stream_dashboard(
    request: Request,
    the: The,
    by: By,
    view: Wanted,
    interval: IntervalQuery = 5.0,
    last: LastQuery = None,
    last_event_id: LastEventId = None,
) -> Response:
    """The answer of `GET dashboard` as an event `dashboard` at once and each `interval`, changed or not.

    Who comes back with the id of an event gets those that were missed, up to 60 or 4 MiB; where it is not known any
    more, the state alone. While Postgres is away the events repeat the last state with its `generatedAt`, and
    `systemHealth` says so. An event `problem` says that the token is not valid any more, and ends the stream.
    """
    await the.hub.latest(view)
    token = bearer(request.headers.get("authorization", ""))
    viewer = Viewer(
        interval=interval, last=last_event_id or last, ending=anyio.Event(), admit=lambda: admit(token, the, by)
    )
    return EventSourceResponse(
        events(the.hub, the.hub.channel(view), viewer),
        ping=HEARTBEAT_SECONDS,
        shutdown_event=viewer.ending,
        shutdown_grace_period=GRACE_SECONDS,
        # no-transform: what is compressed on the way is held back until it fills a block.
        headers={"Cache-Control": "no-store, no-transform"},
    )


async def admit(token: str, the: Services, by: Caller) -> None:
    """Let in whose token is still valid for what it sees.

    Raises:
        Refused: 401, 403; 503 while Postgres does not answer.
    """
    caller = await the.authenticator.caller(token)
    permit(caller if caller and caller.environment == by.environment else None, Scope.READ)
