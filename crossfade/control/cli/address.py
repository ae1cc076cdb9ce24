"""Which server, and with which token: options, else variables, else the local stack of this directory."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click


@dataclass(frozen=True, slots=True)
class Address:
    """A server and a token."""

    url: str
    token: str | None = field(repr=False)


def find(url: str | None, token: str | None, environ: Mapping[str, str]) -> Address:
    """The address that is meant.

    The token of a local stack is used for that stack only, and for no other server.

    Raises:
        click.UsageError: Nothing names a server, or the note of the local stack cannot be read.
    """
    url = url or environ.get("CROSSFADE_URL")
    token = token or environ.get("CROSSFADE_TOKEN")
    if url and token:
        return Address(url, token)
    stack = _stack(environ)
    if url is None and stack is None:
        raise click.UsageError(
            "no server is named: give --url, set CROSSFADE_URL, or run this where `python -m local up` runs"
        )
    if stack is not None and (url is None or url.rstrip("/") == stack.url):
        return Address(stack.url, token or stack.token)
    return Address(url or "", token)


def _stack(environ: Mapping[str, str]) -> Address | None:
    """The local stack that has left a note in its home."""
    note = Path(environ.get("CROSSFADE_HOME") or ".crossfade") / "stack.json"
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
        return Address(found["api"], found["adminToken"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise click.UsageError(f"{note} cannot be read ({type(error).__name__}); give --url and --token") from None
