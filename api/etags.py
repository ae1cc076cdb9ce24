"""ETags: the revision of an object in quotes."""

import re

from crossfade.errors import PreconditionFailed

_ANY = re.compile(r'"[!#-~]*"')
_TAG = re.compile(r'(W/)?"([0-9]{1,18})"')


def etag(revision: int) -> str:
    """The strong ETag of a revision."""
    return f'"{revision}"'


def revision_wanted(if_match: str | None) -> int | None:
    """The revision that an If-Match header names; None without one, or where any will do.

    Raises:
        PreconditionFailed: The header names no revision of ours (weak tags never match, RFC 9110, 13.1.1).
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = _TAG.fullmatch(if_match.strip())
    if found is None or found[1]:
        raise PreconditionFailed
    return int(found[2])


def is_unchanged(if_none_match: str | None, revision: int) -> bool:
    """Whether the reader has this revision already."""
    if if_none_match is None:
        return False
    return any(found[2] == str(revision) for found in _TAG.finditer(if_none_match))


def tags(if_none_match: str | None) -> frozenset[str]:
    """The tags of an If-None-Match header, in their quotes; weak ones count (RFC 9110, 13.1.2)."""
    return frozenset(_ANY.findall(if_none_match or ""))
