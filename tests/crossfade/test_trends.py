import pytest

from crossfade import histogram
from crossfade.states import Variant
from crossfade.trends import REVISED_SECONDS, WINDOWS, Figures, Measure, Trail, figures

LEGACY, CANDIDATE = Variant.LEGACY, Variant.CANDIDATE
HOUR = WINDOWS["1h"]
NOW = 1_800_000_030.0


def requests(start: int, total: int) -> Measure[int]:
    return Measure(start, CANDIDATE, "requests", total)


def known(trail: Trail, now: float) -> dict[int, int]:
    return {start: point.requests for start, point in trail.points(CANDIDATE, now=now) if point}


def test_figures_say_only_what_was_measured() -> None:
    measures = [
        Measure("search", LEGACY, "requests", 200),
        Measure("search", LEGACY, "errors", 3),
        Measure("search", CANDIDATE, "memoryUsage", 2, mean=0.5),
        Measure("errors", LEGACY, "connectionsOpened", 0),
    ]

    assert figures(measures) == {
        ("search", LEGACY): Figures(requests=200, errors=3, error_rate=0.015),
        ("search", CANDIDATE): Figures(memory_usage=0.5),
    }


def test_a_quantile_is_taken_over_the_histograms_of_everybody_together() -> None:
    fast, slow = histogram.encode({histogram.index(10.0): 90}), histogram.encode({histogram.index(1000.0): 10})
    measures = [
        Measure("slow", LEGACY, "responseTime", 100, histogram=slow + fast),
        Measure("zero", LEGACY, "responseTime", 100, zeros=100),
        Measure("fast", LEGACY, "responseTime", 990, zeros=900, histogram=fast),
    ]

    found = {owner: each.p95_ms for (owner, _), each in figures(measures).items()}

    assert found == {"slow": pytest.approx(1000, rel=0.01), "zero": 0, "fast": pytest.approx(10, rel=0.01)}


def test_a_connection_that_was_opened_earlier_may_drop_now() -> None:
    dropped = [Measure("x", LEGACY, "connectionsAbnormal", 4), Measure("x", LEGACY, "connectionsOpened", 2)]

    assert figures(dropped)["x", LEGACY].connection_drop_rate == 1


@pytest.mark.parametrize(("name", "points", "width"), [("15m", 30, 30), ("1h", 60, 60), ("6h", 60, 360)])
def test_a_window_ends_with_the_point_that_is_still_growing(name: str, points: int, width: int) -> None:
    starts = WINDOWS[name].starts(NOW)

    assert len(starts) == points
    assert {start % width for start in starts} == {0}
    assert starts[-1] <= NOW < starts[-1] + width


def test_a_point_without_data_is_a_gap() -> None:
    trail = Trail(HOUR)
    starts = HOUR.starts(NOW)
    trail.replace([requests(starts[3], 7)], now=NOW, since=trail.since(NOW))

    points = list(trail.points(CANDIDATE, now=NOW))

    assert [start for start, _ in points] == list(starts)
    assert [start for start, point in points if point] == [starts[3]]
    assert not [point for _, point in trail.points(LEGACY, now=NOW) if point]


def test_the_first_look_reads_everything_and_the_next_only_what_is_recent() -> None:
    trail = Trail(HOUR)
    starts = HOUR.starts(NOW)

    assert trail.since(NOW) == starts[0]
    trail.replace([requests(starts[0], 1), requests(starts[-1], 1)], now=NOW, since=starts[0])
    assert trail.since(NOW + 1) == starts[-3]
    trail.replace([requests(starts[-1], 5)], now=NOW + 1, since=starts[-3])
    assert known(trail, NOW + 1) == {starts[0]: 1, starts[-1]: 5}


def test_once_a_minute_everything_is_read_for_which_samples_may_still_have_arrived() -> None:
    trail = Trail(HOUR)
    trail.replace([], now=NOW, since=trail.since(NOW))
    later = NOW + REVISED_SECONDS

    assert later - 20 * 60 < trail.since(later) <= NOW - 15 * 60 - 10
    trail.replace([], now=later, since=trail.since(later))
    assert trail.since(later + 1) > NOW - 15 * 60


def test_a_look_after_a_long_time_reads_again_what_was_not_final() -> None:
    trail = Trail(HOUR)
    trail.replace([], now=NOW, since=trail.since(NOW))

    assert trail.since(NOW + 1800) <= NOW - 15 * 60 - 10
    assert trail.since(NOW + 36_000) == HOUR.starts(NOW + 36_000)[0]


def test_points_that_have_left_the_window_are_forgotten() -> None:
    trail = Trail(HOUR)
    first = HOUR.starts(NOW)[0]
    trail.replace([requests(first, 1)], now=NOW, since=first)
    trail.replace([], now=NOW + 60, since=trail.since(NOW + 60))

    assert known(trail, NOW) == {}


def test_a_clock_that_was_put_back_reads_again() -> None:
    trail = Trail(HOUR)
    trail.replace([], now=NOW, since=trail.since(NOW))

    assert trail.since(NOW - 100) <= NOW - 100 - 15 * 60


@pytest.mark.parametrize(("name", "step"), [("15m", 90), ("1h", 60), ("6h", 360)])
def test_a_stretch_is_cut_between_points(name: str, step: int) -> None:
    window = WINDOWS[name]
    until = 5 * step + window.width

    cut = window.pieces(0, until, at_most=100)

    assert cut[:2] == [(0, step), (step, 2 * step)]
    assert cut[-1] == (5 * step, until)
    assert window.pieces(until, until, at_most=100) == []
