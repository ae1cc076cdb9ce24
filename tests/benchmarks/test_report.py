import json

from benchmarks.harness.report import Bar, Report, machine
from benchmarks.harness.rounds import timed
from benchmarks.harness.table import table

NAN = float("nan")


def test_a_bar_that_could_not_be_measured_does_not_hold() -> None:
    assert not Bar.at_most("time", NAN, limit=1, unit="ms").holds
    assert not Bar.at_least("power", NAN, limit=1, unit="of the ramps").holds


def test_a_bar_holds_at_its_limit() -> None:
    assert Bar.at_most("time", 1.0, limit=1, unit="ms").holds
    assert Bar.at_least("power", 1.0, limit=1, unit="of the ramps").holds


def test_the_report_is_one_json_object() -> None:
    bar = Bar.at_most("time", 2.0, limit=10, unit="ms")
    report = Report("look", machine(), {"numpy": "2"}, 3, {"ms": 2.0}, (bar,))
    read = json.loads(report.as_json())
    assert list(read) == ["name", "machine", "versions", "rounds", "results", "bars"]
    assert read["bars"] == [{"name": "time", "value": 2.0, "unit": "ms", "limit": 10, "holds": True}]


def test_contenders_take_turns_and_the_first_round_does_not_count() -> None:
    turns: list[str] = []
    timings = timed({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, rounds=2)
    assert [sorted(turns[i : i + 2]) for i in (0, 2, 4)] == [["a", "b"]] * 3
    assert list(timings) == ["a", "b"]
    assert timings["a"].times(3).median_ms == 3 * timings["a"].median_ms


def test_a_table_is_as_wide_as_its_cells() -> None:
    assert table(["what", "ms"], [["a look", "5"]]) == "what    ms\n------  --\na look   5"
