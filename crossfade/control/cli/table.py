"""The state of a migration as a table, with what needs attention in words below it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from crossfade.control.cli.words import component_news, headline, p95, phase_line, rate, words
from crossfade.control.views import Component, Dashboard, Phase, Side
from crossfade.states import ComponentStatus, PhaseStatus, Verdict

_WIDE = 110
_MOST_ISSUES = 3
_LINES_AROUND = 4
_QUIET = frozenset({ComponentStatus.PENDING, ComponentStatus.COMPLETED})
_CLOSED_PHASES = frozenset({PhaseStatus.PENDING, PhaseStatus.COMPLETED})
_QUIET_PHASES = _CLOSED_PHASES | {PhaseStatus.RUNNING}
_BACK = frozenset({ComponentStatus.ROLLING_BACK, ComponentStatus.ROLLED_BACK, ComponentStatus.STOPPED})
_STYLES: dict[str, str] = {
    **dict.fromkeys((ComponentStatus.COMPLETED, Verdict.PASS, "healthy"), "green"),
    **dict.fromkeys((ComponentStatus.RAMPING, ComponentStatus.BAKING, PhaseStatus.RUNNING, "validating"), "cyan"),
    **dict.fromkeys((ComponentStatus.HELD, ComponentStatus.PAUSED), "yellow"),
    **dict.fromkeys((Verdict.INCONCLUSIVE, Verdict.NO_DATA, "degraded"), "yellow"),
    **dict.fromkeys((*_BACK, PhaseStatus.ABORTED, PhaseStatus.FAILED, Verdict.FAIL, "failing"), "red"),
    ComponentStatus.PENDING: "dim",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What fits on a screen; a pipe takes everything."""

    is_wide: bool = True
    height: int | None = None

    @property
    def bar_cells(self) -> int:
        """The length of a bar of 100 %."""
        return 10 if self.is_wide else 5


def shape_of(out: Console) -> Shape:
    """What fits on this console."""
    return Shape(out.width >= _WIDE, out.height if out.is_terminal else None)


def table(dashboard: Dashboard, shape: Shape) -> RenderableType:
    """The whole state."""
    health = dashboard.system_health
    style = _STYLES.get(health.status, "")
    lines = [Text(headline(dashboard), style=f"bold {style}")]
    lines += [Text(f"  {issue}", style=style) for issue in _issues(dashboard)]
    if dashboard.migration is None:
        return Group(*lines, Text("Start one with: crossfade start PLAN, or crossfade start --shipped demo"))
    return Group(*lines, _rows(dashboard, shape), *_news(dashboard))


def _issues(dashboard: Dashboard) -> list[str]:
    """The first issues, none of them twice."""
    return list(dict.fromkeys(dashboard.system_health.issues))[:_MOST_ISSUES]


def _news(dashboard: Dashboard) -> Iterator[Text]:
    """What is neither settled nor still to come, without what the issues say already."""
    for phase in dashboard.phases:
        if phase.status not in _QUIET_PHASES and phase.reason:
            line = phase_line(phase)
            for component in dashboard.components:
                line = line.removesuffix(f": {component.reason}")
            yield Text(line, style=_STYLES.get(phase.status, ""))
    issues = _issues(dashboard)
    for component in dashboard.components:
        news = f"{component.name}: {component_news(component)}"
        if component.status not in _QUIET and component_news(component) and news not in issues:
            yield Text(news, style="red" if component.status in _BACK else "")


def _rows(dashboard: Dashboard, shape: Shape) -> Table:
    rows = Table(box=None, padding=(0, 2 if shape.is_wide else 1, 0, 0), header_style="bold")
    rows.add_column("component", no_wrap=True)
    rows.add_column("", no_wrap=True)
    for heading in ("%", "status", "verdict", "p95 ms", "errors"):
        rows.add_column(heading, justify="left" if heading in {"status", "verdict"} else "right", no_wrap=True)
    lines = len(dashboard.phases) + len(dashboard.components) + _LINES_AROUND
    has_room = shape.height is None or lines <= shape.height
    for phase in dashboard.phases:
        rows.add_row(*_phase_cells(phase))
        if has_room or phase.status not in _CLOSED_PHASES:
            for component in dashboard.components:
                if component.phase == phase.name:
                    rows.add_row(*_cells(component, shape))
    return rows


def _phase_cells(phase: Phase) -> tuple[Text, ...]:
    percentage = "" if phase.percentage is None else f"{phase.percentage:g}"
    status = Text(words(phase.status), style=f"bold {_STYLES.get(phase.status, '')}")
    return Text(phase.name, style="bold"), Text(), Text(percentage, style="bold"), status


def _cells(component: Component, shape: Shape) -> Iterator[Text]:
    style = _STYLES.get(component.status, "")
    verdict = "" if component.has_ended else component.verdict or ""
    yield Text(f"  {component.name}")
    yield _bar(component.percentage, shape.bar_cells, style)
    yield Text(f"{component.percentage:g}")
    yield Text(words(component.status), style=style)
    yield Text(words(verdict), style=_STYLES.get(verdict, ""))
    yield Text(_figures(component, p95, shape))
    yield Text(_figures(component, rate, shape))


def _figures(component: Component, figure: Callable[[Side | None], str], shape: Shape) -> str:
    """Legacy's and candidate's; where that does not fit, candidate's."""
    if component.legacy is None and component.candidate is None:
        return ""
    candidate = figure(component.candidate)
    return f"{figure(component.legacy)} → {candidate}" if shape.is_wide else candidate


def _bar(percentage: float, cells: int, style: str) -> Text:
    full = round(percentage / 100 * cells)
    return Text.assemble(("█" * full, style), ("░" * (cells - full), "dim"))
