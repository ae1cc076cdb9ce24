"""What every command that asks a server has in common: the client, and how its answer is shown."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import click

from crossfade.control.async_client import AsyncClient
from crossfade.control.cli.address import Address, find
from crossfade.control.client import Client
from crossfade.control.errors import NotFound
from crossfade.control.views import Migration, Receipt

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Session:
    """One command's way to the server and to the person or script that reads."""

    address: Address
    client: Client
    as_json: bool

    def watching(self) -> AsyncClient:
        """A client for the stream."""
        return AsyncClient(self.address.url, self.address.token)

    def say(self, text: str, found: Mapping[str, Any]) -> None:
        """Print the text for a person, or what was found as one JSON object."""
        click.echo(json.dumps(dict(found)) if self.as_json else text)

    def taken(self, receipt: Receipt, target: str) -> None:
        """Say that an order was taken."""
        outcome = receipt.answer or f"{receipt.order} is on its way"
        self.say(outcome if outcome.startswith(target) else f"{target}: {outcome}", receipt.raw)

    def migration(self, wanted: str | None) -> Migration:
        """The migration with this id, else the live one.

        Raises:
            NotFound: There is none with this id, or none is live.
        """
        found = self.client.migrations()
        chosen = [migration for migration in found if (migration.is_live if wanted is None else migration.id == wanted)]
        if chosen:
            return chosen[0]
        title = "No migration is live." if wanted is None else "There is no such migration."
        advice = "Start one with: crossfade start PLAN, or crossfade start --shipped demo"
        raise NotFound(status=404, kind="unknown-migration", title=title, detail=advice)


def asks(command: Callable[Concatenate[Session, P], int | None]) -> Callable[P, int | None]:
    """Give a command the options of the connection, and its session."""

    @click.option("--url", metavar="URL", help="Address of the server; else CROSSFADE_URL.")
    @click.option("--token", metavar="TOKEN", help="Better: CROSSFADE_TOKEN, which no list of processes shows.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
    @wraps(command)
    def asking(*args: P.args, **kwargs: P.kwargs) -> int | None:
        url, token, as_json = (kwargs.pop(name) for name in ("url", "token", "as_json"))
        address = find(_text(url), _text(token), os.environ)
        with Client(address.url, address.token) as client:
            return command(Session(address, client, bool(as_json)), *args, **kwargs)

    return asking


def _text(option: object) -> str | None:
    return option if isinstance(option, str) else None
