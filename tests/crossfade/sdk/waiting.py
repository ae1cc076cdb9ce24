"""Waiting for a fact, with a limit."""

import time
from collections.abc import Callable


def until(fact: Callable[[], object], timeout: float = 10) -> None:
    """Return as soon as the fact holds; fail when it does not come true."""
    deadline = time.monotonic() + timeout
    while not fact():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)
