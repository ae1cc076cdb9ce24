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
    the client's end. A file that cannot be looked at says what it last said, and forces
    legacy until it has said something.
    """

    __slots__ = ("_forced", "_lock", "closed", "known", "table", "tell", "validity")

    def __init__(self) -> None:
        self._lock = Lock()
        self._forced: bool | None = None
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
            known = build(snapshot, source=source, validity=self.validity, previous=self.known)
            changed = _changed(self.known.entries, known.entries)
            self.known, self.table = known, self._shown(known)
        if changed and self.tell is not None:
            self._tell_guarded(changed)
        return True

    def apply_force(self) -> None:
        """Look again whether somebody on this machine forces legacy; one thread at a time."""
        is_forced = self._look()  # without the lock: a file system may hang
        with self._lock:
            if is_forced is not self._forced:
                self._forced = is_forced
                self.table = self._shown(self.known)

    def close(self) -> None:
        """Serve legacy from here on: a client that has left is asked by nobody whether it obeys a stop."""
        with self._lock:
            self.closed = True
            self.validity.end()
            self.table = self._shown(self.known)

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

    def _shown(self, known: Table) -> Table:
        if self.closed:
            return forced(known, source=CLOSED, reason=Reason.STALE)
        return forced(known, source=FORCED, reason=Reason.DISABLED) if self._forced else known

    def _look(self) -> bool:
        try:
            return is_forced()
        except OSError as error:
            if self._forced is None:
                log.warning("legacy is forced until it can be seen whether it is to be: %s", error)
            return self._forced is not False


def _changed(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> tuple[str, ...]:
    """The names of what is new, gone or different; a flag that has stayed the same is the same entry."""
    return tuple(sorted(name for name in {**before, **after} if before.get(name) is not after.get(name)))


def is_forced() -> bool:
    """Whether the environment, or the file that it names, forces legacy.

    Raises:
        OSError: It cannot be seen whether the file exists.
    """
    wish = os.environ.get(FORCE_LEGACY, "").strip()
    if os.sep not in wish:
        return wish.lower() not in _NO
    try:
        Path(wish).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
