import pytest

from examples.airports.components.changes import AIRPORTS, RECENT, Change, Stream
from examples.airports.directory import Directory
from tests.examples.airports.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stream(directory: Directory, clock: Clock) -> Stream:
    return Stream(directory, clock)


def _folded(stream: Stream, *, until: int | None = None) -> dict[str, Change]:
    return {change.airport: change for change in stream.logged("", until=until)}


def test_every_airport_has_a_board_from_the_beginning(stream: Stream) -> None:
    assert AIRPORTS <= len(stream.state("")) == stream.advance() < 2 * AIRPORTS
    assert "EDDF" in stream.state("ED")


def test_changes_are_numbered_without_a_gap_as_the_clock_goes_on(stream: Stream, clock: Clock) -> None:
    first = stream.advance()
    clock.changes(50)
    assert stream.advance() == first + 50
    assert [change.number for change in stream.logged("", after=first)] == list(range(first + 1, first + 51))
    assert stream.advance() == first + 50


def test_the_same_clock_gives_the_same_changes(directory: Directory, stream: Stream, clock: Clock) -> None:
    clock.changes(70)
    other = Stream(directory, clock)
    other_first = other.advance()
    clock.changes(70)
    stream.advance()
    other.advance()
    assert other.logged("")[:other_first] == stream.logged("")[:other_first]


def test_a_region_has_its_own_airports_only(stream: Stream, clock: Clock) -> None:
    clock.changes(100)
    stream.advance()
    for changes in (
        stream.logged("K"),
        stream.remembered("K", after=stream.advance() - 100),
        stream.state("K").values(),
    ):
        assert changes
        assert {change.airport[0] for change in changes} == {"K"}


def test_recent_changes_reach_back_so_far_and_no_further(stream: Stream, clock: Clock) -> None:
    clock.changes(1000)
    last = stream.advance()
    assert len(stream.remembered("", after=last - RECENT) or ()) == RECENT
    assert stream.remembered("", after=last) == []
    assert stream.remembered("", after=last - RECENT - 1) is None
    assert stream.remembered("", after=last + 1) is None


def test_the_log_stays_short_and_leads_to_the_same_state(stream: Stream, clock: Clock) -> None:
    longest, last = 0, 0
    for _ in range(40):
        clock.changes(100)
        last = stream.advance()
        longest = max(longest, len(stream.logged("")))
        assert _folded(stream) == stream.state("")
        assert [change.number for change in stream.logged("", after=last - RECENT)] == list(
            range(last - RECENT + 1, last + 1)
        )
    assert last > 4000
    assert longest <= 600


def test_what_is_kept_is_counted(stream: Stream, clock: Clock) -> None:
    at_first = stream.log_bytes(), stream.recent_bytes()
    clock.changes(300)
    stream.advance()
    assert stream.log_bytes() > at_first[0]
    assert stream.recent_bytes() > at_first[1]
    clock.changes(1000)
    stream.advance()
    assert stream.recent_bytes() < 2 * at_first[1]
