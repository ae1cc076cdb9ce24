import pytest

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


def test_the_table_has_a_row_for_each_component() -> None:
    table = _table(migration(component("a"), component("b", status=ComponentStatus.ROLLED_BACK)), 1.0)
    assert [row.style for row in table.rows] == ["cyan", "red"]
    assert list(table.columns[1].cells) == ["a", "b"]
    assert list(table.columns[4].cells) == ["90", "90"]
