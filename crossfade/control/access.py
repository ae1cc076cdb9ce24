"""Where the server is, the token that it asks for, and what goes with every request."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from crossfade.control.errors import Unreachable, Unusable
from crossfade.control.requests import Request

ATTEMPTS = 3
_FIRST_DELAY_SECONDS = 0.2
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
# What may stand in a header; the library's own refusal of anything else would quote the token.
_TOKEN = re.compile(r"[!-~]+")
_LOST = (httpx.NetworkError, httpx.RemoteProtocolError)


@dataclass(frozen=True, slots=True)
class Access:
    """One server and one token."""

    url: str
    token: str | None = field(default=None, repr=False)
    timeout: float = 10.0

    def __post_init__(self) -> None:
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise Unusable("the token is empty or contains characters that no token has")
        if not self.timeout > 0:
            raise Unusable("the timeout is not above 0 seconds")
        if not _is_address(self.url):
            raise Unusable("the address is not of the form http://host:port")

    def options(self) -> dict[str, Any]:
        """What the library's client is made with."""
        authorization = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        return {
            "base_url": f"{self.url.rstrip('/')}/api/migration/",
            "headers": {"Accept": "application/json", **authorization},
            "timeout": self.timeout,
            # A proxy for the outside world is no way to this machine.
            "trust_env": httpx.URL(self.url).host not in _HERE,
        }

    def unreachable(self, error: Exception, *, may_have_arrived: bool = False) -> Unreachable:
        """The error for a request without an answer."""
        return Unreachable(f"{self.url} ({_why(error)})", may_have_arrived=may_have_arrived)


def _is_address(url: str) -> bool:
    try:
        urlsplit(url)  # it refuses brackets that httpx lets through
        address = httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        return False
    return address.scheme in {"http", "https"} and bool(address.host) and not address.userinfo


def headers_of(request: Request[Any]) -> Mapping[str, str]:
    """The headers of one call, the same for each of its sendings: an order is known by its key."""
    if not request.is_order:
        return request.headers
    return {**request.headers, "Content-Type": "application/json", "Idempotency-Key": uuid4().hex}


def may_be_repeated(request: Request[Any], error: httpx.HTTPError, attempt: int) -> bool:
    """Whether the request is sent again after the connection was lost at this attempt, the first being 1."""
    if attempt >= ATTEMPTS:
        return False
    return isinstance(error, httpx.ConnectError) or (request.is_repeatable and isinstance(error, _LOST))


def may_have_arrived(request: Request[Any], error: httpx.HTTPError) -> bool:
    """Whether the server may have carried out an order that it has not answered."""
    return request.is_order and not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def delay_seconds(attempt: int) -> float:
    """How long to wait after this attempt, with jitter."""
    return _FIRST_DELAY_SECONDS * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret


def _why(error: Exception) -> str:
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, _LOST):
        return "the connection was lost"
    return type(error).__name__
