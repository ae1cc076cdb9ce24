"""The exit codes, and the words for what went wrong."""

from collections.abc import Iterator, Mapping

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
NOT_PROVEN = 3
UNREACHABLE = 4
INTERRUPTED = 130
PIPE_CLOSED = 141
# The server's own advice names its routes; who types commands is told of commands.
_ADVICE: Mapping[str, str] = {
    "fenced": "Something newer has happened. Look with crossfade status and decide anew.",
    "invalid-plan": "Nothing was created. Correct the plan and start it again.",
    "not-stopped": "There is nothing to release; crossfade flags shows what is served.",
    "not-running": "Its rollout, or its phase, has not begun or has ended: crossfade status shows where it stands.",
    "not-waiting": "crossfade status shows what it waits for, and whether it is held or paused.",
    "reason-required": "Give it with --reason TEXT.",
    "stopped": "Lowering is still allowed. To start or raise anything, first: crossfade release --reason TEXT.",
    "unknown-component": "crossfade status lists the components.",
    "unknown-flag": "crossfade flags lists the flags.",
    "unknown-phase": "crossfade status lists the phases.",
    "unknown-plan": "Name another one, or give the file of a plan instead.",
}


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
    elif advice := _ADVICE.get(error.kind, error.detail):
        yield f"  {advice}"
    yield from (f"  {name}: {value}" for name, value in error.more.items() if isinstance(value, str))
