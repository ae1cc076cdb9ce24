"""The body guard: the outermost layer, which bounds what a request may send before anything reads it."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, Refused

MEBIBYTE = 1024 * 1024
DEFAULT_LIMIT = MEBIBYTE
LIMITS: Mapping[str, int] = {"/api/migration/migrations": 5 * MEBIBYTE}
DRAIN_BYTES = 16 * MEBIBYTE
DRAIN_SECONDS = 2.0
METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class BodyGuard:
    """Refuses compressed bodies and those above the limit of their path, counted as they stream in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counted body, or refuse it from its headers alone."""
        if scope["type"] != "http" or scope["method"] not in METHODS_WITH_BODY:
            await self._app(scope, receive, send)
            return
        limit = LIMITS.get(scope["path"], DEFAULT_LIMIT)
        problem = _refusal(Headers(scope=scope), limit)
        if problem:
            await _drain(receive)
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, _counted(receive, limit), send)


def _refusal(headers: Headers, limit: int) -> Problem | None:
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        return Problem(
            status=415,
            kind="content-encoding",
            title="Compressed bodies are not accepted.",
            detail="Send the body without Content-Encoding.",
        )
    length = headers.get("content-length", "0")
    # Compared by length first: int() refuses to read thousands of digits.
    if length.isdecimal() and (len(length) > len(str(limit)) or int(length) > limit):
        return _too_large(limit)
    return None


def _counted(receive: Receive, limit: int) -> Receive:
    count = 0

    async def counted() -> Message:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > limit:
            await _drain(receive)
            raise Refused(_too_large(limit))
        return message

    return counted


async def _drain(receive: Receive) -> None:
    """Discard what still comes, within bounds: a client that is cut off while it sends never reads the answer."""
    count = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while count <= DRAIN_BYTES:
                message = await receive()
                count += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _too_large(limit: int) -> Problem:
    return Problem(
        status=413,
        kind="body-too-large",
        title="The body is too large.",
        detail=f"The limit of this path is {limit} bytes.",
        headers={"Connection": "close"},
    )
