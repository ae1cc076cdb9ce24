"""The state in columns and in words."""

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from crossfade.control import Alerts, Component, Dashboard, Migration, Phase, Progress, Side, SystemHealth
from crossfade.control.cli.screen import Lines
from crossfade.control.cli.table import Shape, table

WELL = SystemHealth(status="healthy", healthy=True)
REASON = "error-rate: 9 of 100 requests failed"
ILL = SystemHealth(status="failing", healthy=False, cause=f"b: {REASON}", issues=(f"b: {REASON}", f"b: {REASON}"))


def component(name: str, phase: str, **changes: Any) -> Component:
    return Component(**{"name": name, "phase": phase, "status": "pending", **changes})


def dashboard(*components: Component, health: SystemHealth = WELL, **phases: str) -> Dashboard:
    names = dict.fromkeys(one.phase for one in components)
    return Dashboard(
        environment="test",
        generated_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
        system_health=health,
        alerts=Alerts(total=1),
        migration=Migration(id="1", name="demo", number=3, status="running"),
        progress=Progress(components=len(components), completed=1),
        phases=tuple(Phase(name=name, status=phases.get(name, "running")) for name in names),
        components=components,
    )


def shown(seen: Dashboard, shape: Shape, width: int = 120) -> list[str]:
    out = Console(file=StringIO(), width=width)
    out.print(table(seen, shape))
    assert isinstance(out.file, StringIO)
    return [line.rstrip() for line in out.file.getvalue().splitlines()]


RAMPING = component(
    "a",
    "one",
    status="ramping",
    percentage=25.0,
    verdict="no_data",
    waiting_for="its hold to end",
    legacy=Side(p95_ms=10.26, error_rate=0.001),
    candidate=Side(p95_ms=12.0),
)


def test_a_wide_screen_shows_both_sides() -> None:
    assert shown(dashboard(RAMPING), Shape()) == [
        "demo #3 running · 1 of 1 components complete · 1 alert · system healthy",
        "component               %  status   verdict       p95 ms     errors",
        "one                        running",
        "  a        ██░░░░░░░░  25  ramping  no data  10.3 → 12.0  0.10% → -",
        "a: waits for its hold to end",
    ]


def test_a_narrow_screen_shows_candidate() -> None:
    lines = shown(dashboard(RAMPING), Shape(is_wide=False), width=80)

    assert lines[3] == "  a       █░░░░ 25 ramping no data   12.0      -"


def test_a_low_screen_shows_the_components_of_open_phases_only() -> None:
    many = [component(f"c{number}", phase) for phase in ("one", "two", "three") for number in range(5)]
    seen = dashboard(*many, one="completed", three="pending")

    low, high = shown(seen, Shape(height=15)), shown(seen, Shape(height=40))

    assert sum(line.startswith("  c") for line in low) == 5
    assert sum(line.startswith("  c") for line in high) == 15


def test_no_reason_is_told_twice() -> None:
    back = component("b", "one", status="rolled_back", reason=REASON)
    seen = dashboard(back, health=ILL)
    phase = Phase(name="one", status="paused", reason=f"b was rolled back: {REASON}")

    lines = shown(replace(seen, phases=(phase,)), Shape())

    assert sum(REASON in line for line in lines) == 1
    assert "phase one: paused, b was rolled back" in lines


def test_a_name_is_no_markup() -> None:
    assert any("[red]x" in line for line in shown(dashboard(component("[red]x", "[b]")), Shape()))


def test_lines_tell_what_has_changed_and_no_count_down(capsys: pytest.CaptureFixture[str]) -> None:
    def waits(seconds: int, percentage: float = 25.0) -> Dashboard:
        return dashboard(
            component("a", "one", status="ramping", percentage=percentage, waiting_for=f"{seconds} s more")
        )

    with Lines() as screen:
        screen.show(waits(20))
        first = capsys.readouterr().out.splitlines()
        screen.show(waits(19))
        second = capsys.readouterr().out
        screen.show(waits(18, percentage=50.0))
        third = capsys.readouterr().out

    assert first == [
        "12:00:00  demo #3 running · 1 of 1 components complete · 1 alert · system healthy",
        "12:00:00  phase one: running",
        "12:00:00  a: ramping at 25 % · waits for 20 s more",
    ]
    assert second == ""
    assert third == "12:00:00  a: ramping at 50 % · waits for 18 s more\n"
