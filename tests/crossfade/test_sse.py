import re
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.sse import Event, EventTooLong, Parser

# What makes a difference to a parser, and characters of one to four bytes.
ENDS = ["\r", "\n", "\r\n"]
FIELDS = [":", " ", "data", "data:", "data: x", "event: dashboard", "id: 7", "id", "id: \0", "retry: 20"]
CHARACTERS = ["\ufeff", "é", "€", "😀", "\u2028", "\x85", "\x0b", "\0"]
PIECES = st.sampled_from([*ENDS, *FIELDS, *CHARACTERS])
STREAMS = st.lists(PIECES | st.text(max_size=3), max_size=40).map(lambda pieces: "".join(pieces).encode())


def read(stream: bytes) -> list[Event]:
    return Parser().feed(stream)


def cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[begin:end] for begin, end in pairwise(edges)]


def as_the_specification_says(stream: bytes) -> list[Event]:
    """The steps of section 9.2.6, over the whole stream at once."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    *lines, _unfinished = re.split("\r\n|\n|\r", text)
    data, kind, last_id, events = "", "", "", []
    for line in lines:
        if line == "":
            if data:
                events.append(Event(data.removesuffix("\n"), kind or "message", last_id))
            data, kind = "", ""
            continue
        if line.startswith(":"):
            continue
        name, value = line.split(":", 1) if ":" in line else (line, "")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data += value + "\n"
        elif name == "id" and "\0" not in value:
            last_id = value
    return events


@given(STREAMS | st.binary(max_size=200), st.lists(st.integers(0, 10_000), max_size=30))
def test_any_pieces_give_the_same_events(stream: bytes, places: list[int]) -> None:
    parser = Parser()

    events = [event for piece in cut(stream, places) for event in parser.feed(piece)]

    assert events == as_the_specification_says(stream)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=20), min_size=1))
def test_what_is_written_line_by_line_is_read_again(lines: list[str]) -> None:
    stream = "".join(f"data: {line}\n" for line in lines) + "\n"

    assert read(stream.encode()) == [Event("\n".join(lines))]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        # The three examples of the specification.
        ("data: YHOO\ndata: +2\ndata: 10\n\n", [Event("YHOO\n+2\n10")]),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            [Event("first event", id="1"), Event("second event"), Event(" third event")],
        ),
        ("data\n\ndata\ndata\n\ndata:", [Event(""), Event("\n")]),
        ("data:test\n\ndata: test\n\n", [Event("test"), Event("test")]),
        # What else it says.
        ("event: dashboard\nid: b-1\ndata: {}\n\ndata: 2\n\n", [Event("{}", "dashboard", "b-1"), Event("2", id="b-1")]),
        ("event: only\n\ndata: x\n\n", [Event("x")]),
        ("id: 5\n\ndata: x\n\n", [Event("x", id="5")]),
        ("id: 5\nid: 6\0\ndata: x\n\n", [Event("x", id="5")]),
        ("Data: no\n data: no\ndata : no\n\n", []),
        ("data: \u2028\x85\n\n", [Event("\u2028\x85")]),
        ("\ufeffdata: one mark is left aside\n\n", [Event("one mark is left aside")]),
        ("\ufeff\ufeffdata: two are a name\n\n", []),
    ],
)
def test_a_stream_gives_the_events_that_the_specification_names(stream: str, events: list[Event]) -> None:
    assert read(stream.encode()) == events


def test_an_event_without_its_empty_line_has_not_happened() -> None:
    parser = Parser()

    assert parser.feed(b"id: 9\ndata: x\n") == []
    assert parser.last_event_id == ""
    assert parser.feed(b"\n") == [Event("x", id="9")]
    assert parser.last_event_id == "9"


def test_an_event_ends_with_a_lone_return_at_once() -> None:
    assert Parser().feed(b"data: x\r\r") == [Event("x")]


def test_a_new_connection_goes_on_with_the_last_id() -> None:
    assert Parser(last_event_id="9").feed(b"data: x\n\n") == [Event("x", id="9")]


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [("1500", 1.5), ("0", 0), ("", None), ("1e3", None), ("-1", None), ("٣", None), ("9" * 13, None)],
)
def test_the_servers_wish_to_wait_is_read(sent: str, seconds: float | None) -> None:
    parser = Parser()

    parser.feed(f"retry: {sent}\n".encode())

    assert parser.retry_seconds == seconds


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 200, b"data: xxxxxxxxx\n" * 20, b"data\n" * 101, b":" * 101])
def test_an_event_that_does_not_end_is_refused(stream: bytes) -> None:
    parser = Parser(most_characters=100)

    with pytest.raises(EventTooLong):
        _ = [parser.feed(bytes([byte])) for byte in stream]


def test_many_events_and_comments_are_no_long_event() -> None:
    parser = Parser(most_characters=100)

    assert len(parser.feed(b"data: xxxxxxxxx\n\n" * 50)) == 50
    for _ in range(50):
        assert parser.feed(b": still here\n") == []
