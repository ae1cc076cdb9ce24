"""Client applications as processes of their own, and what happens to any process of the scene."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def applications(count: int, ports: Sequence[int]) -> Iterator[int]:
    """A process with so many SDK clients of these servers in turn; its id, once all of them serve."""
    command = [sys.executable, "-m", "benchmarks.delivering.applications", str(count), *map(str, ports)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("The client applications did not start.")
        yield process.pid
    finally:
        process.stdin.close()
        process.stdout.read()
        process.wait()


@contextmanager
def frozen(pid: int | None) -> Iterator[None]:
    """A process does not run; None is nobody."""
    if pid is None:
        yield
        return
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
