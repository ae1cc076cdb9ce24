"""The clock that goes on while the machine sleeps or the process is suspended."""

import time
from collections.abc import Callable
from functools import partial


def _boottime() -> Callable[[], float]:
    # A laptop that slept, a container that was frozen: CLOCK_MONOTONIC stands still on Linux, and validity with it.
    # Elsewhere monotonic clocks count sleep, too.
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic if clock is None else partial(time.clock_gettime, clock)


boottime = _boottime()
"""Seconds since the machine started, sleep included."""
