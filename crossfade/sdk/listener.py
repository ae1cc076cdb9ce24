"""The thread that hears from the server that there is something to ask for."""

import json
import logging
import random
from collections.abc import Callable
from threading import Event, Thread

from crossfade import sse
from crossfade.errors import InvalidFlag
from crossfade.members import mapping, member
from crossfade.sdk.server import Server, Unreachable

log = logging.getLogger("crossfade.sdk")

SILENCE_SECONDS = 2.0
"""The server says something each second; a line that says nothing for longer is dead."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
MOST_CHARACTERS = 2**16
_EVENT = "flags"

Hear = Callable[[int, int], None]


class Listener:
    """Follows the server's stream of revisions; what it says is never believed, only asked about.

    `hear` is called with the revision and epoch of each event, `lost` when a line that worked has ended.
    """

    def __init__(
        self,
        server: Server,
        *,
        hear: Hear,
        lost: Callable[[], None],
        silence: float = SILENCE_SECONDS,
        pause: Callable[[], float] | None = None,
    ) -> None:
        self._server = server
        self._hear = hear
        self._lost = lost
        self._silence = silence
        self._pause = pause or reconnection_pause
        self._ending = Event()
        self._thread = Thread(target=self._run, name="crossfade-stream", daemon=True)
        self.connected = False

    def start(self) -> None:
        """Begin listening."""
        self._thread.start()

    def end(self) -> None:
        """Hear nothing any more; the line closes by itself within a heartbeat, and nobody waits for it."""
        self._ending.set()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._follow()
            except (Unreachable, sse.EventTooLong) as error:
                log.debug("no news: %s", error)
            except Exception:  # the edge of a thread: without it the client still asks each second
                log.exception("the stream of news has failed")
            was_connected, self.connected = self.connected, False
            if was_connected and not self._ending.is_set():
                log.info("the stream of news was lost; asking each second goes on")
                self._lost()
            self._ending.wait(self._pause())

    def _follow(self) -> None:
        parser = sse.Parser(most_characters=MOST_CHARACTERS)
        for chunk in self._server.listen(silence=self._silence):
            if self._ending.is_set():
                return
            self.connected = True
            for event in parser.feed(chunk):
                if event.type == _EVENT:
                    self._tell(event.data)

    def _tell(self, data: str) -> None:
        try:
            news = mapping(json.loads(data), "the news")
            revision, epoch = member(news, "revision", int), member(news, "epoch", int)
        except (ValueError, RecursionError, InvalidFlag):
            return
        self._hear(revision, epoch)


def reconnection_pause() -> float:
    """Seconds until the next attempt, with full jitter from the first on: whoever lost one server lost it together."""
    return random.uniform(SHORTEST_PAUSE, LONGEST_PAUSE)  # noqa: S311 - not a secret
