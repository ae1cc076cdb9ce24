"""Who may do what: a token has a role, a role has scopes, a route declares the scope that it needs."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from api import tickets
from api.database import Database
from api.problems import Problem, Refused
from store import tokens

# Within the lease of a replica, so that a revoked token ends no later than a stop takes hold.
REMEMBERED_SECONDS = 2.0
MOST_REMEMBERED = 10_000
LOOK_UP_SECONDS = 2.0
_TOKEN = re.compile(r"cf_[a-z]+_[A-Za-z0-9]{1,64}_[A-Za-z0-9_-]{32,128}")


class Scope(StrEnum):
    """What a route lets its caller do."""

    OPEN = "open"
    READ = "read"
    OPERATE = "operate"
    ADMINISTER = "administer"
    SDK = "sdk"
    METRICS = "metrics"


SCOPES: Mapping[str, frozenset[Scope]] = {
    "admin": frozenset({Scope.READ, Scope.OPERATE, Scope.ADMINISTER, Scope.SDK, Scope.METRICS}),
    "sdk": frozenset({Scope.SDK, Scope.METRICS}),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token the request carries."""

    role: str
    environment: str
    actor: str


class Authenticator:
    """Finds the caller of a token, and remembers it for less than a lease."""

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment
        self._remembered: dict[bytes, tuple[float, Caller]] = {}

    async def caller(self, token: str) -> Caller | None:
        """The caller, or None where the token is not valid."""
        if not _TOKEN.fullmatch(token):
            return None
        digest = sha256(token.encode()).digest()
        now = time.monotonic()
        found = self._remembered.get(digest)
        if found and now - found[0] < REMEMBERED_SECONDS:
            return found[1]
        self._remembered.pop(digest, None)
        caller = await self._read(token)
        if caller:
            self._remember(digest, now, caller)
        return caller

    async def holder(self, ticket: str, *, since: float | None = None) -> Caller | None:
        """Whose ticket it is, or None where it is none, or too old, or its token is not valid any more.

        For a stream that is open since an instant, in seconds since 1970, the ticket is as old as it was then.
        """
        selector = tickets.selector_of(ticket)
        if selector is None:
            return None
        async with self._database.transaction(LOOK_UP_SECONDS) as connection:
            found = await tokens.find(connection, selector)
        is_good = found is not None and tickets.is_good(ticket, found.digest, since or time.time())
        return self._named(found.token) if found and is_good else None

    async def _read(self, token: str) -> Caller | None:
        async with self._database.transaction(LOOK_UP_SECONDS) as connection:
            found = await tokens.authenticate(connection, token)
        return None if found is None else self._named(found)

    def _named(self, found: tokens.Token) -> Caller:
        environment = found.environment or self._environment
        return Caller(role=found.role, environment=environment, actor=found.role)

    def _remember(self, digest: bytes, now: float, caller: Caller) -> None:
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = (now, caller)


def permit(caller: Caller | None, scope: Scope) -> Caller:
    """The caller, if its role has `scope`.

    Raises:
        Refused: 401 without a valid token, 403 where the role does not have the scope.
    """
    if caller is None:
        raise Refused(_UNAUTHORISED)
    if scope not in SCOPES.get(caller.role, frozenset()):
        raise Refused(_FORBIDDEN)
    return caller


def bearer(header: str) -> str:
    """The token in an Authorization header, empty where there is none."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


_UNAUTHORISED = Problem(
    status=401,
    kind="unauthorized",
    title="No valid token.",
    detail="Send the header Authorization: Bearer cf_<type>_<selector>_<secret>.",
    headers={"WWW-Authenticate": 'Bearer realm="crossfade"'},
)
_FORBIDDEN = Problem(
    status=403,
    kind="forbidden",
    title="The token's role may not do this.",
    detail="Use a token of a role that has the scope of this route; the documentation page names it.",
)
