"""What a client serves right now."""

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock

from crossfade.flags import Reason
from crossfade.sdk.snapshot import Snapshot
from crossfade.sdk.table import Entry, Table, build, forced
from crossfade.sdk.validity import Validity

log = logging.getLogger("crossfade.sdk")

FORCE_LEGACY = "CROSSFADE_FORCE_LEGACY"
NETWORK = "network"
CACHE = "cache"
BOOTSTRAP = "bootstrap"
FORCED = "forced"
CLOSED = "closed"
_NO = frozenset({"", "0", "false", "no", "off"})


class Serving:
    """The table in use; readers take one reference and need no lock.

    `known` is what was last learned; `table` is what answers: the same, or the same flags
    forced to legacy by `CROSSFADE_FORCE_LEGACY` (1, or the path of a file that exists) or by
    the client's end.
    """

    __slots__ = ("_lock", "closed", "known", "table", "tell", "validity")

    def __init__(self) -> None:
        self._lock = Lock()
        self.validity = Validity()
        self.closed = False
        self.tell: Callable[[tuple[str, ...]], None] | None = None
        """Called with the names of the flags that have changed, in the thread that brought them."""
        self.known = Table()
        self.table = self.known
        self.apply_force()

    def install(self, snapshot: Snapshot, *, source: str) -> bool:
        """Serve the snapshot unless it is older than what is known; whether it was taken."""
        with self._lock:
            if not self._is_newer(snapshot, source):
                return False
            before = self.known.entries
            self.known = build(snapshot, source=source, validity=self.validity, previous=self.known)
            self._show()
            changed = _changed(before, self.known.entries)
        if changed and self.tell is not None:
            self._tell_guarded(changed)
        return True

    def apply_force(self) -> None:
        """Look again whether somebody on this machine forces legacy."""
        with self._lock:
            if (self.table.source == FORCED) is not is_forced():
                self._show()

    def close(self) -> None:
        """Serve legacy from here on: a client that has left is asked by nobody whether it obeys a stop."""
        with self._lock:
            self.closed = True
            self.validity.end()
            self._show()

    def after_fork(self) -> None:
        """Replace the lock, which another thread may have held, and the validity: it was granted to the parent."""
        self._lock = Lock()
        self.validity.end()

    def _tell_guarded(self, names: tuple[str, ...]) -> None:
        try:
            if self.tell is not None:
                self.tell(names)
        except Exception:  # the application's own code: what it does with the news is none of ours
            log.exception("who was told of changed flags has failed")

    def _is_newer(self, snapshot: Snapshot, source: str) -> bool:
        if source != NETWORK:  # files are for a start with nothing better
            return self.known.source == "none"
        same = self.known.source != BOOTSTRAP and snapshot.environment == self.known.environment
        if same and (snapshot.revision < self.known.revision or snapshot.epoch < self.known.epoch):
            log.warning("revision %d is older than %d and left aside", snapshot.revision, self.known.revision)
            return False
        return True

    def _show(self) -> None:
        if self.closed:
            self.table = forced(self.known, source=CLOSED, reason=Reason.STALE)
        elif is_forced():
            self.table = forced(self.known, source=FORCED, reason=Reason.DISABLED)
        else:
            self.table = self.known


def _changed(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> tuple[str, ...]:
    """The names of what is new, gone or different; a flag that has stayed the same is the same entry."""
    return tuple(sorted(name for name in {**before, **after} if before.get(name) is not after.get(name)))


def is_forced() -> bool:
    """Whether the environment, or the file that it names, forces legacy."""
    wish = os.environ.get(FORCE_LEGACY, "").strip()
    if os.sep in wish:
        return Path(wish).exists()
    return wish.lower() not in _NO
