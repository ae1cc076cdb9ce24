"""Where the state is shown: a table drawn anew on a terminal, changed lines in a pipe, JSON for scripts."""

import json
import re
from collections.abc import Hashable, Iterator
from typing import Protocol, Self

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from crossfade.control.cli.table import shape_of, table
from crossfade.control.cli.words import component_line, headline, phase_line
from crossfade.control.errors import ControlError
from crossfade.control.views import Dashboard

_NUMBER = re.compile(r"\d+")
_WIDTH_OF_LINES = 500


class Screen(Protocol):
    """Where dashboards are shown."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """End; what was shown last stays."""

    def show(self, dashboard: Dashboard) -> None:
        """Show the state now."""

    def apart(self, error: ControlError) -> None:
        """Say that the connection failed and is made again."""


def console() -> Console:
    """The terminal in its own width; a pipe gets whole lines and no colours."""
    found = Console(highlight=False, markup=False, emoji=False)
    return found if found.is_terminal else Console(width=_WIDTH_OF_LINES, highlight=False, markup=False, emoji=False)


def screen(*, as_json: bool, is_live: bool) -> Screen:
    """The screen for whoever reads."""
    if as_json:
        return Json()
    out = console()
    if not is_live:
        return Once(out)
    return Tables(out) if out.is_terminal and not out.is_dumb_terminal else Lines()


class Json:
    """One JSON object per update."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, dashboard: Dashboard) -> None:
        """The server's own JSON on one line, written at once."""
        click.echo(json.dumps(dict(dashboard.raw)))

    def apart(self, error: ControlError) -> None:
        """On stderr."""
        _warn(error)


class Once:
    """The table, once."""

    def __init__(self, out: Console) -> None:
        self._out = out

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, dashboard: Dashboard) -> None:
        """Print it."""
        self._out.print(table(dashboard, shape_of(self._out)))

    def apart(self, error: ControlError) -> None:
        """On stderr."""
        _warn(error)


class Lines:
    """A line for whatever has changed since the last time."""

    def __init__(self) -> None:
        self._told: dict[str, Hashable] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, dashboard: Dashboard) -> None:
        """The news."""
        for key, state, line in _news(dashboard):
            if self._told.get(key) != state:
                self._told[key] = state
                click.echo(f"{dashboard.generated_at:%H:%M:%S}  {line}")

    def apart(self, error: ControlError) -> None:
        """On stderr."""
        _warn(error)


class Tables:
    """One table that is drawn anew."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._live = Live(console=out, auto_refresh=False, vertical_overflow="visible")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, dashboard: Dashboard) -> None:
        """Draw it."""
        self._live.update(table(dashboard, shape_of(self._out)), refresh=True)

    def apart(self, error: ControlError) -> None:
        """A line above the table, which stays as it was last known."""
        self._out.print(Text(f"{error} Connecting again ...", style="yellow"))


def _warn(error: ControlError) -> None:
    click.echo(f"crossfade: {error} Connecting again ...", err=True)


def _news(dashboard: Dashboard) -> Iterator[tuple[str, Hashable, str]]:
    """What may change: its key, the state that counts as a change (a count-down does not), its line."""
    line = headline(dashboard)
    yield "", line, line
    for issue in dashboard.system_health.issues:
        countless = _NUMBER.sub("", issue)
        yield f"issue {countless}", True, f"issue: {issue}"
    for phase in dashboard.phases:
        yield f"phase {phase.name}", (phase.status, phase.reason), phase_line(phase)
    for component in dashboard.components:
        waits_for = _NUMBER.sub("", component.waiting_for or "")
        state = (component.status, component.percentage, component.verdict, waits_for, component.run_id)
        yield f"component {component.name}", state, component_line(component)
