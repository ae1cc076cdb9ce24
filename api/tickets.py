"""Tickets: what stands in the address of a stream, where no header can carry the token.

A ticket is made from the token and can be checked against its stored hash, by every process alike; it opens a stream of
revision numbers and nothing else, for ten to twenty minutes. All tickets of a token that are issued within a slot of
ten minutes are the same one: a provider connects anew whenever the address changes.
"""

import hmac
import re
from hashlib import sha256

from store.tokens import digest, selector

SLOT_SECONDS = 600
SLOTS = 2
"""How many slots a ticket is good for, the one in which it was issued included."""
_TICKET = re.compile(r"([A-Za-z0-9]{1,64})\.([0-9]{1,12})\.([0-9a-f]{64})")


def slot(now: float) -> int:
    """The slot of an instant, in seconds since 1970."""
    return int(now // SLOT_SECONDS)


def issue(token: str, now: float) -> str:
    """The ticket of this token and slot."""
    return f"{selector(token)}.{slot(now)}.{_mac(digest(token), slot(now))}"


def selector_of(ticket: str) -> str | None:
    """Whose ticket it says it is; None where it is no ticket."""
    found = _TICKET.fullmatch(ticket)
    return found[1] if found else None


def is_good(ticket: str, token_digest: bytes, now: float) -> bool:
    """Whether it was made from the token of this hash, and not too long ago."""
    found = _TICKET.fullmatch(ticket)
    if found is None:
        return False
    issued = int(found[2])
    return 0 <= slot(now) - issued < SLOTS and hmac.compare_digest(found[3], _mac(token_digest, issued))


def _mac(token_digest: bytes, issued: int) -> str:
    return hmac.new(token_digest, f"ofrep-events:{issued}".encode(), sha256).hexdigest()
