"""The thread that never waits for the server."""

import logging
from collections.abc import Callable
from threading import Event, Thread

log = logging.getLogger("crossfade.sdk")

LONGEST_PAUSE = 1.0


class Watch:
    """Looks each second, or more often, at what must be seen also while every question hangs."""

    def __init__(self, *looks: Callable[[], None], pause: float) -> None:
        self._looks = looks
        self._pause = min(LONGEST_PAUSE, pause)
        self._ending = Event()
        self._thread = Thread(target=self._run, name="crossfade-watch", daemon=True)

    def start(self) -> None:
        """Begin looking."""
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._ending.set()

    def _run(self) -> None:
        while not self._ending.wait(self._pause):
            for look in self._looks:
                try:
                    look()
                except Exception:  # the edge of a thread: it must outlive whatever was not foreseen
                    log.exception("the client could not look after itself")
