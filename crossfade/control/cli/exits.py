"""The exit codes, and the words for what went wrong."""

from collections.abc import Iterator

import click

from crossfade.control.errors import (
    AccessDenied,
    ControlError,
    Refused,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
    Unusable,
)

DONE = 0
REFUSED = 1
USAGE = 2
NOT_WELL = 3
UNREACHABLE = 4
INTERRUPTED = 130
PIPE_CLOSED = 141
_SEEN_IN_STATUS = frozenset({"not-running", "not-waiting", "migration-has-ended", "fenced"})


def code_of(error: ControlError) -> int:
    """The exit code for what the client has met."""
    if isinstance(error, Unusable):
        return USAGE
    if isinstance(error, Unreachable | Unavailable | UnexpectedAnswer):
        return UNREACHABLE
    return REFUSED


def tell(error: ControlError) -> None:
    """Say on stderr what went wrong and what to do about it."""
    for line in _lines(error):
        click.echo(line, err=True)


def _lines(error: ControlError) -> Iterator[str]:
    if not isinstance(error, Refused):
        yield f"crossfade: {error.detail if isinstance(error, Unusable) else error}"
        return
    yield f"crossfade: {error.title or f'refused with HTTP status {error.status}'}"
    yield from (f"  {one}" for one in error.errors)
    if isinstance(error, AccessDenied):
        yield "  Give --token, or set CROSSFADE_TOKEN, to a token whose role may do this."
    elif error.detail:
        yield f"  {error.detail}"
    if error.kind in _SEEN_IN_STATUS:
        yield "  crossfade status shows where it stands."
    yield from (f"  {name}: {value}" for name, value in error.more.items() if isinstance(value, str))
