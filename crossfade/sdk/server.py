"""The server as a client application sees it: four calls, each with a deadline and a size limit, and a stream."""

import json
import logging
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from threading import get_ident
from urllib.parse import quote

import httpx

from crossfade.errors import CrossfadeError, InvalidFlag
from crossfade.members import array, mapping, member
from crossfade.sdk.clocks import boottime
from crossfade.sdk.snapshot import Snapshot, read_snapshot
from crossfade.sdk.validity import LONGEST_SECONDS

log = logging.getLogger("crossfade.sdk")

MOST_BYTES = 32 * 2**20
GRACE_SECONDS = 1.0
"""What httpx notices by itself is left to it."""
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_ACCEPTED = range(200, 300)
_PERMANENT = frozenset({400, 413, 415, 422})


class Unreachable(CrossfadeError):
    """The server did not answer as it should."""


class Receipt(Enum):
    """What became of a batch."""

    ACCEPTED = auto()
    REFUSED = auto()
    """For good: sending the same bytes again cannot help."""
    AGAIN = auto()
    """Not known to be counted; send the same bytes again."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the server knows, and for how long it vouches for it."""

    revision: int
    epoch: int
    valid_for: float
    is_recorded: bool
    """Whether the server knows this client from here on."""


class Server:
    """A connection to one server with one token.

    Nothing in it takes a lock of OpenSSL or of the import system in another thread than the one that makes it: a fork
    at that moment would leave it locked in the child for ever. That is why `tls` is made here, once, and kept.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 2.0, tls: ssl.SSLContext | None = None) -> None:
        self.timeout = timeout
        self._url = url
        self._token = token
        self._tls = tls or httpx.create_ssl_context()
        "".encode("idna")  # imports what looking up a name needs
        self._http = self._client()
        self._deadlines: dict[int, float] = {}
        """Until when, on the boot-time clock, each thread that asks has to be answered."""

    def flags(self, known: int | None, *, timeout: float | None = None) -> Snapshot | None:
        """All flags, or None when they are still at the `known` revision.

        Raises:
            Unreachable: No usable answer within the timeout.
        """
        headers = {} if known is None else {"If-None-Match": f'"{known}"'}
        status, body = self._call("GET", "/sdk/flags", headers=headers, timeout=timeout)
        if status == HTTPStatus.NOT_MODIFIED and known is not None:
            return None
        if status != HTTPStatus.OK:
            raise Unreachable(f"flags answered {status}")
        try:
            return read_snapshot(body)
        except InvalidFlag as error:
            raise Unreachable(str(error)) from error

    def confirm(self, client_id: str, revision: int, epoch: int) -> Confirmation:
        """Say what is served here, and learn what should be.

        Raises:
            Unreachable: No usable answer within the timeout.
        """
        question = json.dumps({"clientId": client_id, "revision": revision, "epoch": epoch}).encode()
        status, body = self._call("POST", "/sdk/confirmations", content=question)
        if status != HTTPStatus.OK:
            raise Unreachable(f"confirmations answered {status}")
        try:
            answer = mapping(json.loads(body), "the confirmation")
            return Confirmation(
                revision=member(answer, "revision", int),
                epoch=member(answer, "epoch", int),
                valid_for=_seconds(answer.get("validFor")),
                is_recorded=member(answer, "recorded", bool),
            )
        except (ValueError, RecursionError, InvalidFlag) as error:
            raise Unreachable("the confirmation cannot be read") from error

    def leave(self, client_id: str, *, timeout: float) -> None:
        """Say that this client serves nothing any more.

        Raises:
            Unreachable: No answer within the timeout.
        """
        self._call("DELETE", f"/sdk/clients/{quote(client_id, safe='')}", timeout=timeout)

    def post(self, batch: bytes, *, timeout: float | None = None) -> Receipt:
        """Hand over a batch of metrics."""
        # A repeated batch has the same bytes, so the time of this very sending stands beside it.
        headers = {"Crossfade-Sent-At": f"{time.time():.3f}"}
        try:
            status, answer = self._call("POST", "/metrics", content=batch, headers=headers, timeout=timeout)
        except Unreachable:
            return Receipt.AGAIN
        if status in _ACCEPTED:
            _tell_dropped(answer)
            return Receipt.ACCEPTED
        return Receipt.REFUSED if status in _PERMANENT else Receipt.AGAIN

    def listen(self, *, silence: float) -> Iterator[bytes]:
        """The bytes of the stream of revisions as they arrive, until the server ends it.

        Raises:
            Unreachable: There is no stream, or it was lost, or nothing came for that many seconds.
        """
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        limits = httpx.Timeout(self.timeout, read=silence)
        try:
            # Connections of its own: close() may be called while this waits for bytes in another thread.
            with self._client() as http, http.stream("GET", "/sdk/stream", headers=headers, timeout=limits) as answer:
                if answer.status_code != HTTPStatus.OK:
                    raise Unreachable(f"the stream answered {answer.status_code}")
                yield from answer.iter_bytes()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(type(error).__name__) from error

    def hang_up(self) -> None:
        """End the calls that are well past their deadline, and with them those beside them.

        httpx limits the wait for each byte: headers that drip in would hold a call up for hours.
        """
        if any(boottime() > deadline + GRACE_SECONDS for deadline in self._deadlines.copy().values()):
            late, self._http = self._http, self._client()
            late.close()

    def anew(self) -> "Server":
        """The same with connections of its own."""
        return Server(self._url, self._token, timeout=self.timeout, tls=self._tls)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self._url.rstrip("/") + "/api/migration",
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=self.timeout,
            verify=self._tls,
            # A proxy for the outside world is no way to this machine.
            trust_env=httpx.URL(self._url).host not in _HERE,
        )

    def _call(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,
    ) -> tuple[int, bytes]:
        limit = self.timeout if timeout is None else timeout
        deadline = boottime() + limit
        sent = {"Content-Type": "application/json", **(headers or {})} if content is not None else headers
        self._deadlines[get_ident()] = deadline
        try:
            with self._http.stream(method, path, content=content, headers=sent, timeout=limit) as response:
                return response.status_code, _read(response, deadline)
        # A closed client raises RuntimeError: the process is on its way out.
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:
            raise Unreachable(type(error).__name__) from error
        finally:
            del self._deadlines[get_ident()]


def _seconds(validity: object) -> float:
    """What is granted: nothing by what is no number above 0, and never more than any server may grant."""
    if isinstance(validity, int | float) and not isinstance(validity, bool) and validity > 0:
        return float(min(validity, LONGEST_SECONDS))
    return 0.0


def _tell_dropped(answer: bytes) -> None:
    try:
        dropped = array(mapping(json.loads(answer), "the receipt").get("dropped", ()), "dropped")
    except (ValueError, RecursionError, InvalidFlag):
        return
    if dropped:
        log.warning("the server left %d rows of a batch aside, the first: %s", len(dropped), dropped[0])


class _OthersOnly(logging.Filter):
    """Keeps httpx from telling each of our questions, two a second, in the application's log."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.threadName or "").startswith("crossfade-")


logging.getLogger("httpx").addFilter(_OthersOnly())


def _read(response: httpx.Response, deadline: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        # httpx limits the wait for each byte, not for all of them.
        if boottime() > deadline or len(body) > MOST_BYTES:
            raise Unreachable("the answer is too slow or too long")
    return bytes(body)
