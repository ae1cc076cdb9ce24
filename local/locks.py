"""Who may use a folder: one owner at a time, and no server before its predecessor is gone."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.errors import AlreadyOwned

_PREDECESSOR_SECONDS = 15.0


@contextmanager
def owned(lock: Path) -> Iterator[None]:
    """Own what the lock stands for; a second owner is refused at once."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyOwned(f"{lock.parent} (set CROSSFADE_HOME for a second stack)") from error
        yield


@contextmanager
def handed_over(lock: Path) -> Iterator[int]:
    """A locked descriptor for a server to inherit: free again only when the server's last process is gone.

    Waits for a server whose owner was killed and which is still ending; AlreadyOwned when it does not end.
    """
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        _wait(descriptor, lock)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait(descriptor: int, lock: Path) -> None:
    deadline = time.monotonic() + _PREDECESSOR_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise AlreadyOwned(f"the server of {lock.with_suffix('')} does not end") from None
            time.sleep(0.02)
