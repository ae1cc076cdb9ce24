"""The SDK's stream: it tells a client that there is something to ask for."""

from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi import Request, Response
from sse_starlette import EventSourceResponse
from starlette.types import Message, Receive, Send
from starlette.types import Scope as Connection

from api.auth import Scope, bearer, permit
from api.push import Follower, Push, Say
from api.route import needs, resource
from api.services import By, The
from api.stream import CHECK_SECONDS, has_ended, problem_event, refusal

router = resource("sdk")

GRACE_SECONDS = 2  # less than the server has in all, see api/__main__.py
_EXAMPLE = 'id: 42\nevent: flags\ndata: {"revision":42,"epoch":7}\n\n:\n\n'


@router.get(
    "/sdk/stream",
    summary="Follow the revision",
    responses={
        200: {
            "description": "Server-sent events without end.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
    },
    response_class=Response,
    openapi_extra=needs(Scope.SDK),
)
async def stream_revisions(request: Request, the: The, by: By) -> Response:
    """An event `flags` with the revision and the epoch at once and after each change; a comment each second.

    It grants no validity: a client that hears of another revision than its own fetches and confirms. A line that is
    silent for two seconds is dead. An event `problem` says that the token is not valid any more, and ends the stream.
    503 `too-many-streams` where this process tells as many as it can.
    """
    the.require_own(by)
    the.push.require_room()
    token = bearer(request.headers.get("authorization", ""))

    async def admit() -> None:
        caller = await the.authenticator.caller(token)
        permit(caller if caller and caller.environment == by.environment else None, Scope.SDK)

    return News(the.push, admit)


class News(EventSourceResponse):
    """An endless answer that `Push` writes to; this only waits for its end."""

    def __init__(
        self,
        push: Push,
        admit: Callable[[], Awaitable[object]],
        *,
        say: Say | None = None,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self._push = push
        self._admit = admit
        self._check_seconds = check_seconds
        self._send: Send | None = None
        self.follower = Follower(self._write, say)
        super().__init__(
            self._events(),
            ping=0,  # the heartbeat is pushed, too
            shutdown_event=self.follower.ended,
            shutdown_grace_period=GRACE_SECONDS,
            # no-transform: what is compressed on the way is held back until it fills a block.
            headers={"Cache-Control": "no-store, no-transform"},
        )

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Answer until the client leaves, is cut, or the server ends."""

        async def sending(message: Message) -> None:
            # Who was cut takes no farewell either: waiting for that would keep its connection for ever.
            if not self.follower.is_cut:
                await send(message)

        self._send = sending
        await super().__call__(scope, receive, sending)

    async def _write(self, message: bytes) -> None:
        # Looked at here again: a write may begin after the end of the answer.
        if self._send is not None and not self.follower.ended.is_set():
            await self._send({"type": "http.response.body", "body": message, "more_body": True})

    async def _events(self) -> AsyncIterator[bytes]:
        with self._push.following(self.follower):
            yield self._push.event(self.follower)
            while not await has_ended(self.follower.ended, within=self._check_seconds):
                if problem := await refusal(self._admit):
                    self.follower.ended.set()
                    yield problem_event(problem)
