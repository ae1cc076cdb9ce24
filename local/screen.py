"""What the demonstration shows: a live table on a terminal, changing lines elsewhere."""

import re
import time
from collections.abc import Iterator
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from crossfade.states import ComponentStatus, PhaseStatus, Variant
from local.view import BACK, ComponentView, MigrationView, PhaseView, SideView

_WIDTH_OF_LINES = 200
_NUMBER = re.compile(r"\d+")
_STYLES = {
    ComponentStatus.COMPLETED: "green",
    ComponentStatus.RAMPING: "cyan",
    ComponentStatus.BAKING: "cyan",
    ComponentStatus.PENDING: "dim",
    **dict.fromkeys(BACK, "red"),
}


class Screen(Protocol):
    """Where a migration is shown."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """End; what was shown last stays."""

    def show(self, migration: MigrationView) -> None:
        """Show where the migration stands now."""

    def say(self, line: str) -> None:
        """Say something that has happened."""


def screen() -> Screen:
    """The table when a person looks at a terminal, else lines."""
    console = Console()
    return Tables(console) if console.is_terminal and not console.is_dumb_terminal else Lines()


class Lines:
    """A line for whatever has changed since the last time."""

    def __init__(self) -> None:
        self._console = Console(width=_WIDTH_OF_LINES, highlight=False, markup=False, soft_wrap=True)
        self._started = time.monotonic()
        self._told: dict[str, tuple[object, ...]] = {}

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    def show(self, migration: MigrationView) -> None:
        """A line per phase and component whose state has changed."""
        self._tell(
            "migration", (migration.status,), f"migration {migration.name} #{migration.number}: {migration.status}"
        )
        for phase in migration.phases:
            self._tell(f"phase {phase.name}", (phase.status, phase.reason), _phase_line(phase))
        for component in migration.components:
            waits_for = _NUMBER.sub("", component.waiting_for)  # a count-down is not a change
            state = (component.status, component.percentage, component.verdict, waits_for)
            self._tell(component.name, state, _component_line(component))

    def say(self, line: str) -> None:
        """A line with its time."""
        self._console.print(f"[{time.monotonic() - self._started:6.1f} s] {line}")

    def _tell(self, key: str, state: tuple[object, ...], line: str) -> None:
        if self._told.get(key) != state:
            self._told[key] = state
            self.say(line)


class Tables:
    """One table that is drawn anew, with what has happened above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False)
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last table where it is."""
        self._live.stop()

    def show(self, migration: MigrationView) -> None:
        """Draw the table."""
        self._live.update(_table(migration, time.monotonic() - self._started), refresh=True)

    def say(self, line: str) -> None:
        """A line above the table."""
        self._console.print(Text(f"{time.monotonic() - self._started:6.1f} s  {line}"))


def _table(migration: MigrationView, seconds: float) -> Group:
    """A table that fits into 80 columns, and below it what is not yet settled in words."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("component", no_wrap=True)
    for heading in ("%", "legacy", "cand.", "p95 ms", "errors"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for component in migration.components:
        table.add_row(*_cells(component), style=_STYLES.get(component.status))
    title = f"{migration.name} #{migration.number}: {migration.status}, {seconds:.0f} s"
    return Group(Text(title, style="bold"), table, *_news(migration))


def _cells(component: ComponentView) -> tuple[str, ...]:
    legacy, candidate = component.sides[Variant.LEGACY], component.sides[Variant.CANDIDATE]
    return (
        component.name,
        f"{component.percentage:f}",
        str(legacy.requests),
        str(candidate.requests),
        f"{_p95(legacy)}→{_p95(candidate)}",
        f"{_share(legacy)}→{_share(candidate)}",
        component.verdict,
    )


def _news(migration: MigrationView) -> Iterator[Text]:
    for phase in migration.phases:
        if phase.status not in {PhaseStatus.PENDING, PhaseStatus.COMPLETED}:
            yield Text(_phase_line(phase), style="bold")
    for component in migration.components:
        if component.status not in {ComponentStatus.PENDING, ComponentStatus.COMPLETED}:
            waits = f", waits for {component.waiting_for}" if component.waiting_for else ""
            yield Text(f"{component.name}: {component.status}{waits}")


def _phase_line(phase: PhaseView) -> str:
    return f"phase {phase.name}: {phase.status}{f', {phase.reason}' if phase.reason else ''}"


def _component_line(component: ComponentView) -> str:
    parts = [f"{component.phase:<10} {component.name:<30} {component.status:<12} {component.percentage:>3} %"]
    if component.run_id:
        legacy, candidate = component.sides[Variant.LEGACY], component.sides[Variant.CANDIDATE]
        parts.append(f"requests {legacy.requests} legacy, {candidate.requests} candidate")
        parts.append(f"p95 {_p95(legacy)} → {_p95(candidate)} ms")
        parts.append(f"errors {_share(legacy)} → {_share(candidate)}")
    if component.verdict:
        parts.append(f"verdict {component.verdict}")
    if component.waiting_for:
        parts.append(f"waits for {component.waiting_for}")
    return " · ".join(parts)


def _p95(side: SideView) -> str:
    return "-" if side.p95_ms is None else f"{side.p95_ms:.1f}"


def _share(side: SideView) -> str:
    return "-" if side.error_rate is None else f"{side.error_rate:.1%}"
