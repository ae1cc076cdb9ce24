"""A child process that ends with its owner, even when the owner is killed."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_TETHER = Path(__file__).with_name("tether.py")


@dataclass(frozen=True, slots=True)
class User:
    """Whom a child runs as; only root can choose one."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Child:
    """A running child, and the pipe whose closing ends it where the kernel offers nothing better."""

    name: str
    process: subprocess.Popen[bytes]
    lifeline: int | None = None

    @property
    def pid(self) -> int:
        """The process id of the command itself, never of a wrapper."""
        return self.process.pid

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self.process.poll()

    def stop(self, *, ask: signal.Signals = signal.SIGTERM, grace: float = 10.0) -> int:
        """Ask it to end, insist after `grace` seconds; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(ask)
        try:
            code = self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if self.lifeline is not None:
            os.close(self.lifeline)
        return code


def die_with_parent() -> None:
    """Ask for SIGTERM when the process that started this one ends: make, killed, leaves its commands behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def start(
    name: str,
    command: Sequence[str],
    *,
    log: IO[bytes],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: User | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
    keep_open: tuple[int, ...] = (),
) -> Child:
    """Start `command` (an absolute path first); call it from the main thread.

    Linux sends the death signal when the THREAD that started the child ends, so a short-lived thread would take the
    child with it. `keep_open` are descriptors that the child inherits.
    """
    read_end, lifeline = (None, None) if sys.platform == "linux" else os.pipe()
    tether = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), str(int(death_signal))]
    identity = f"{user.uid}:{user.gid}" if user else ""
    process = subprocess.Popen(
        [*tether, identity, "" if read_end is None else str(read_end), *command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=cwd,
        pass_fds=keep_open if read_end is None else (*keep_open, read_end),
        start_new_session=True,  # Ctrl-C reaches the owner alone, which then stops the children in order
    )
    if read_end is not None:
        os.close(read_end)
    return Child(name, process, lifeline)
