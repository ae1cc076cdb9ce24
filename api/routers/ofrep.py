"""OFREP 0.3: flags for every OpenFeature client, in any language, that has no SDK of ours."""

import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import tickets
from api.auth import Scope, bearer, permit
from api.etags import tags
from api.problems import Problem, Refused
from api.route import Route, admit, needs, read
from api.routers.sdk_stream import News
from api.services import caller_of, services_of
from api.strict_json import InvalidJson
from crossfade import ofrep
from crossfade.errors import InvalidContext
from crossfade.flags import Context
from crossfade.ofrep import ErrorCode
from store.flags import Snapshot

KEY = {"name": "key", "in": "path", "required": True, "schema": {"type": "string"}}
BODY = {
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    "context": {
                        "type": "object",
                        "properties": {"targetingKey": {"type": "string"}},
                        "additionalProperties": True,
                    }
                },
            }
        }
    }
}
TICKET = {"name": "ticket", "in": "query", "required": True, "schema": {"type": "string"}}
TAG = {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}}
FAILURE = {"description": "Why there is no value: `errorCode` and `errorDetails`.", "content": {"application/json": {}}}


class OfrepRoute(Route):
    """An operation whose caller may also name its token in X-API-Key, and whose refusals OFREP can read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself, behind the checks: it takes the request, so FastAPI has nothing to solve."""

        async def checked(request: Request) -> Response:
            try:
                await self.let_in(request)
                services_of(request).require_own(caller_of(request))
                answer: Response = await self.endpoint(request)
            except Refused as refused:
                raise _readable(refused) from refused
            except InvalidJson as error:
                return _failed(request, ErrorCode.PARSE_ERROR, str(error))
            except InvalidContext as error:
                return _failed(request, ErrorCode.INVALID_CONTEXT, str(error))
            return answer

        return checked

    async def let_in(self, request: Request) -> None:
        """Find the caller; Refused as for `admit`."""
        await admit(request, self.needed, _token(request))


class TicketRoute(OfrepRoute):
    """An operation whose caller brings a ticket in the address: an EventSource sends no headers."""

    async def let_in(self, request: Request) -> None:
        """Find the caller; Refused as for `admit`."""
        services = services_of(request)
        await services.ready()
        ticket = request.query_params.get("ticket", "")
        request.state.caller = permit(await services.authenticator.holder(ticket), self.needed)


router = APIRouter(tags=["OFREP"], route_class=OfrepRoute)


@router.post(
    f"{ofrep.EVALUATE}/{{key}}",
    summary="Evaluate a flag",
    responses={400: FAILURE, 404: FAILURE},
    openapi_extra=needs(Scope.SDK, parameters=[KEY], requestBody=BODY),
)
async def evaluate(request: Request) -> Response:
    """`value` is true where candidate serves; `metadata` has the revision, and the cohort of a comparison."""
    context = await _context(request)
    key = request.path_params["key"]
    evaluation = services_of(request).evaluator.evaluate(key, context)
    if evaluation is None:
        return _json(404, ofrep.failure(key, ErrorCode.FLAG_NOT_FOUND, "There is no such flag."))
    answer = ofrep.answer(key, evaluation)
    return _json(400 if "errorCode" in answer else 200, answer)


@router.post(
    ofrep.EVALUATE,
    summary="Evaluate all flags",
    responses={304: {"description": "Nothing has changed for this context."}, 400: FAILURE},
    openapi_extra=needs(Scope.SDK, parameters=[TAG], requestBody=BODY),
)
async def evaluate_all(request: Request) -> Response:
    """Every flag for one context; the ETag covers the context, so a 304 is never somebody else's."""
    context = await _context(request)
    services = services_of(request)
    evaluator = services.evaluator
    stream = _stream(request)
    tag = ofrep.etag(
        services.settings.environment, evaluator.revision(), context, is_fresh=evaluator.is_fresh, stream=stream
    )
    headers = {"ETag": tag, "Cache-Control": "no-store"}
    if tag in tags(request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    flags = [ofrep.answer(name, evaluation) for name, evaluation in evaluator.evaluate_all(context).items()]
    return _json(200, ofrep.bulk(flags, stream), headers)


async def follow(request: Request) -> Response:
    """An event `message` at once and after each change, that tells a provider to ask again.

    The address stands in `eventStreams` of the answer for all flags, with a ticket that lets nobody do anything else.
    """
    services = services_of(request)
    services.push.require_room()
    since = time.time()

    async def admit_again() -> None:
        permit(await services.authenticator.holder(request.query_params["ticket"], since=since), Scope.SDK)

    return News(services.push, admit_again, say=refetch_event)


def refetch_event(snapshot: Snapshot) -> bytes:
    """The event that tells a provider to ask again."""
    data = msgspec.json.encode(ofrep.refetch(snapshot.revision, int(time.time())))
    return b"id: %d\nevent: message\ndata: %b\n\n" % (snapshot.revision, data)


router.add_api_route(
    ofrep.EVENTS,
    follow,
    methods=["GET"],
    summary="Follow the flags",
    response_class=Response,
    responses={200: {"description": "Server-sent events without end.", "content": {"text/event-stream": {}}}},
    openapi_extra=needs(Scope.SDK, parameters=[TICKET]),
    route_class_override=TicketRoute,
)


async def _context(request: Request) -> Context:
    try:
        _, document = await read(request)
    except Refused as refused:
        if refused.problem.kind == "not-json":
            raise InvalidJson(refused.problem.detail) from refused
        raise
    return ofrep.context_of(document)


def _stream(request: Request) -> str:
    base = services_of(request).settings.public_url or str(request.base_url)
    return f"{base.rstrip('/')}{ofrep.EVENTS}?ticket={tickets.issue(_token(request), time.time())}"


def _token(request: Request) -> str:
    return bearer(request.headers.get("authorization", "")) or request.headers.get("x-api-key", "")


def _failed(request: Request, code: ErrorCode, details: str) -> Response:
    return _json(400, ofrep.failure(request.path_params.get("key"), code, details))


def _readable(refused: Refused) -> Refused:
    """The same problem, with the members that a provider of OFREP shows."""
    problem = refused.problem
    more = {**problem.more, "errorCode": ErrorCode.GENERAL.value, "errorDetails": problem.title}
    return Refused(
        Problem(
            status=problem.status,
            kind=problem.kind,
            title=problem.title,
            detail=problem.detail,
            more=more,
            headers=problem.headers,
        )
    )


def _json(status: int, document: dict[str, object], headers: dict[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(document), status_code=status, headers=headers or {}, media_type="application/json"
    )
