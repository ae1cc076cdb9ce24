"""A few threads for work that nobody waits for."""

import logging
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread

log = logging.getLogger("crossfade.sdk")


class Pool:
    """At most `workers` daemon threads and `backlog` jobs, started as they are needed.

    Not an executor of the standard library: that one waits at exit for what hangs.
    """

    def __init__(self, name: str, *, workers: int, backlog: int) -> None:
        self._name = name
        self._workers = max(1, workers)
        self._most = self._workers + backlog
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = Lock()
        self._threads = 0
        self._open = 0

    def submit(self, job: Callable[[], None]) -> bool:
        """Do the job some time; False when there is no room for it."""
        with self._lock:
            if self._open >= self._most or not self._has_thread():
                return False
            self._open += 1
            self._jobs.put(job)
        return True

    def end(self) -> int:
        """End the threads, and leave aside what they have not begun; how many jobs that were."""
        with self._lock:
            self._most = left = 0
            with suppress(Empty):
                while self._jobs.get_nowait():
                    left += 1
            for _ in range(self._threads):
                self._jobs.put(None)
        return left

    def _has_thread(self) -> bool:
        if self._threads < min(self._workers, self._open + 1):
            try:
                Thread(target=self._work, name=self._name, daemon=True).start()
            except RuntimeError:  # the machine has no more: those that there are go on
                return self._threads > 0
            self._threads += 1
        return True

    def _work(self) -> None:
        while job := self._jobs.get():
            try:
                job()
            except BaseException:  # the edge of a thread: an application's sys.exit() must not take the worker away
                log.exception("a shadowed call could not be compared")
            del job  # a waiting thread holds on to nothing
            with self._lock:
                self._open -= 1
