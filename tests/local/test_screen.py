import pytest
from rich.console import Console

from crossfade.states import ComponentStatus
from local.screen import Lines, _table
from tests.local.views import component, migration


def test_a_line_says_the_figures_of_both_sides_and_what_it_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().show(migration(component(waiting_for="approval of 100 %")))
    line = capsys.readouterr().out.splitlines()[-1]
    assert "search" in line
    assert "10 %" in line
    assert "requests 90 legacy, 10 candidate" in line
    assert "p95 4.0 → 3.0 ms" in line
    assert "errors 0.0% → 10.0%" in line
    assert "verdict pass" in line
    assert "waits for approval of 100 %" in line


def test_what_has_not_changed_is_not_said_again(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.show(migration(component()))
    capsys.readouterr()
    lines.show(migration(component()))
    assert capsys.readouterr().out == ""
    lines.show(migration(component(percentage=50)))
    assert "50 %" in capsys.readouterr().out


def test_a_count_down_is_not_a_change(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.show(migration(component(waiting_for="its minimum sample: at most 40 more candidate requests")))
    capsys.readouterr()
    lines.show(migration(component(waiting_for="its minimum sample: at most 39 more candidate requests")))
    assert capsys.readouterr().out == ""


def test_the_table_fits_into_80_columns_with_what_is_not_settled_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    parts = (
        component("utilities-query-builder", status=ComponentStatus.COMPLETED, percentage=100, verdict="inconclusive"),
        component("websocket-socketio", waiting_for="its hold to end, then 50 %"),
    )
    Console(width=80).print(_table(migration(*parts), 12.0))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "demo #1: running, 12 s",
        "component                 % legacy cand.  p95 ms     errors verdict",
        "utilities-query-builder 100     90    10 4.0→3.0 0.0%→10.0% inconclusive",
        "websocket-socketio       10     90    10 4.0→3.0 0.0%→10.0% pass",
        "phase one: running",
        "websocket-socketio: ramping, waits for its hold to end, then 50 %",
    ]
