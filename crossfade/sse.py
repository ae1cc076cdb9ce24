"""Server-sent events, read as they arrive: WHATWG HTML, section 9.2.6 "Interpreting an event stream"."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from crossfade.errors import CrossfadeError

MOST_CHARACTERS = 32 * 2**20
_END_OF_LINE = re.compile(r"\r\n|\n|\r")
_MILLISECONDS = re.compile(r"[0-9]{1,12}")
_BYTE_ORDER_MARK = "\ufeff"


class EventTooLong(CrossfadeError):
    """An event of the stream does not end."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `id` is the last one that the stream has named, empty before the first."""

    data: str
    type: str = "message"
    id: str = ""


@dataclass(slots=True)
class Parser:
    """Turns the bytes of one connection into events, whatever pieces they come in.

    After a lost connection, a new parser begins with the `last_event_id` of the old one; what was read of an event that
    had not ended is lost, as the specification wants it.
    """

    last_event_id: str = ""
    retry_seconds: float | None = None
    """How long the server wants a client to wait before it connects again; None until it has said so."""
    most_characters: int = MOST_CHARACTERS
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"), init=False, repr=False
    )
    _has_begun: bool = field(default=False, init=False, repr=False)
    _ended_in_return: bool = field(default=False, init=False, repr=False)
    _line: list[str] = field(default_factory=list, init=False, repr=False)
    _data: list[str] = field(default_factory=list, init=False, repr=False)
    _type: str = field(default="", init=False, repr=False)
    _id: str = field(default="", init=False, repr=False)
    _line_length: int = field(default=0, init=False, repr=False)
    _data_length: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self._id = self.last_event_id

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that end in this chunk.

        Raises:
            EventTooLong: More than `most_characters` without the end of an event.
        """
        return list(self._events(self._text(chunk)))

    def _text(self, chunk: bytes) -> str:
        """The next characters, without a byte order mark and without the second half of a line's end."""
        text = self._decoder.decode(chunk)
        if text and not self._has_begun:
            self._has_begun = True
            text = text.removeprefix(_BYTE_ORDER_MARK)
        if text and self._ended_in_return:
            self._ended_in_return = False
            text = text.removeprefix("\n")
        return text

    def _events(self, text: str) -> Iterator[Event]:
        if not text:
            return
        self._ended_in_return = text.endswith("\r")
        *lines, rest = _END_OF_LINE.split(text)
        for line in lines:
            whole = "".join((*self._line, line))
            self._line.clear()
            self._line_length = 0
            if whole:
                self._field(whole)
            else:
                yield from self._dispatch()
        self._line.append(rest)
        self._line_length += len(rest)
        if self._data_length + self._line_length > self.most_characters:
            raise EventTooLong

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._data_length += len(value) + 1
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and _MILLISECONDS.fullmatch(value):
            self.retry_seconds = int(value) / 1000

    def _dispatch(self) -> Iterator[Event]:
        self.last_event_id = self._id
        data, kind = self._data, self._type
        self._data, self._data_length, self._type = [], 0, ""
        if data:
            yield Event("\n".join(data), kind or "message", self._id)
