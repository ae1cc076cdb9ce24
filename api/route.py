"""A route checks its caller, then the body, before FastAPI reads either; it declares the scope that it needs."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Query
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api import strict_json
from api.auth import Scope, bearer, permit
from api.guard import METHODS_WITH_BODY
from api.problems import Problem, Refused, documented
from api.services import services_of

SCOPE_KEY = "x-crossfade-scope"
BODY_SECONDS = 10.0
_WITH_BODY = frozenset({400, 408, 413, 415, 422})
_WITH_CALLER = frozenset({401, 403, 503})
# What `curl -d` sends when nobody names the type: in an emergency the user's routes must not depend on a header.
_CURL_DEFAULT = "application/x-www-form-urlencoded"
_JSON_HEADER = (b"content-type", b"application/json")


def needs(scope: Scope, **extra: object) -> dict[str, object]:
    """The OpenAPI members by which an operation declares its scope."""
    security: list[dict[str, list[str]]] = [] if scope is Scope.OPEN else [{"bearer": []}]
    return {SCOPE_KEY: scope.value, "security": security, **extra}


def resource(name: str) -> APIRouter:
    """A router below /api/migration for one resource."""
    return APIRouter(prefix="/api/migration", tags=[name], route_class=Route)


class Route(APIRoute):
    """An operation that cannot be built without its scope, and that documents the answers that all of them share."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        extra = options.get("openapi_extra") or {}
        self.needed = Scope(extra[SCOPE_KEY])
        methods = frozenset(options.get("methods") or ())
        self.takes_body = bool(methods & METHODS_WITH_BODY)
        options["responses"] = {**documented(self._statuses()), **(options.get("responses") or {})}
        super().__init__(path, endpoint, **options)
        fields = get_flat_params(self.dependant)
        self._queries = frozenset(field.alias for field in fields if isinstance(field.field_info, Query))

    def _statuses(self) -> set[int]:
        statuses = {422, 500}
        if self.takes_body:
            statuses |= _WITH_BODY
        if self.needed is not Scope.OPEN:
            statuses |= _WITH_CALLER
        return statuses

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI behind the checks."""
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            await admit(request, self.needed, bearer(request.headers.get("authorization", "")))
            self._require_read(request)
            return await handle(await strict(request) if self.takes_body else request)

        return checked

    def _require_read(self, request: Request) -> None:
        """Let no query pass that would not be read as it was meant: `?dryrun=true` is no rehearsal.

        Raises:
            RequestValidationError: A parameter is unknown, or is given twice.
        """
        counts = Counter(name for name, _ in request.query_params.multi_items())
        errors = [
            {"type": "repeated" if name in self._queries else "extra_forbidden", "loc": ("query", name), "msg": ""}
            for name, count in counts.items()
            if count > 1 or name not in self._queries
        ]
        if errors:
            raise RequestValidationError(errors)


class StrictRequest(Request):
    """A request whose body has been read and found to be strict JSON."""

    def __init__(self, request: Request, raw: bytes, value: object) -> None:
        headers = [pair for pair in request.scope["headers"] if pair[0] != b"content-type"]
        super().__init__({**request.scope, "headers": [*headers, _JSON_HEADER]}, request.receive)
        self._raw = raw
        self._value = value

    async def body(self) -> bytes:
        """The bytes as they came."""
        return self._raw

    async def json(self) -> object:
        """The value that they say."""
        return self._value


async def admit(request: Request, scope: Scope, token: str) -> None:
    """Let the caller in, or not.

    Raises:
        Refused: 401, 403, or 503 while Postgres has not answered.
    """
    if scope is Scope.OPEN:
        return
    services = services_of(request)
    await services.ready()
    request.state.caller = permit(await services.authenticator.caller(token), scope)


async def strict(request: Request) -> StrictRequest:
    """The request, once its body has been read; raises as `read` does."""
    return StrictRequest(request, *await read(request))


async def read(request: Request) -> tuple[bytes, object]:
    """The bytes of the body, and the value that they say; None where there are none.

    Raises:
        Refused: 408, 413 or 415.
        InvalidJson: It is not JSON that is accepted here.
    """
    raw = await _body(request)
    if not raw:
        return raw, None
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if not (kind == "application/json" or kind.endswith("+json") or kind == _CURL_DEFAULT):
        raise Refused(_NOT_JSON)
    return raw, strict_json.parse(raw)


async def _body(request: Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.body()
    except (TimeoutError, ClientDisconnect):
        raise Refused(_TOO_SLOW) from None


_NOT_JSON = Problem(
    status=415,
    kind="not-json",
    title="Only JSON is accepted.",
    detail="Send the header Content-Type: application/json.",
)
_TOO_SLOW = Problem(
    status=408,
    kind="body-too-slow",
    title="The body did not arrive in time.",
    detail=f"Send it within {BODY_SECONDS:.0f} seconds.",
    headers={"Connection": "close"},
)
