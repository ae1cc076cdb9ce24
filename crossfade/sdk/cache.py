"""The last known good flags on disk, for a start without the server."""

import logging
import os
import tempfile
from hashlib import sha256
from pathlib import Path

from crossfade.errors import InvalidFlag
from crossfade.sdk.snapshot import Snapshot, read_snapshot

log = logging.getLogger("crossfade.sdk")

FILE_NAME = "flags.json"


class Cache:
    """A file of one checksum line and the snapshot below it, replaced atomically."""

    def __init__(self, path: Path) -> None:
        self.path = path / FILE_NAME if path.is_dir() else path

    def write(self, snapshot: Snapshot) -> None:
        """Keep the snapshot; a disk that refuses costs the cache, not the service."""
        try:
            self._replace(_checksum(snapshot.body) + b"\n" + snapshot.body)
        except OSError as error:
            log.warning("cannot keep the last known good flags: %s", error)

    def read(self) -> Snapshot | None:
        """The snapshot, or None when there is none that is whole."""
        try:
            checksum, _, body = self.path.read_bytes().partition(b"\n")
        except OSError:
            return None
        if checksum != _checksum(body):
            log.warning("the last known good flags are damaged and left aside")
            return None
        return _readable(body)

    def _replace(self, content: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Created with mode 0600: overrides name people.
        descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise


def read_bootstrap(path: Path) -> Snapshot | None:
    """The snapshot that was shipped with the application: the server's answer, saved as it is."""
    try:
        return _readable(path.read_bytes())
    except OSError as error:
        log.warning("cannot read the bootstrap file: %s", error)
        return None


def _readable(body: bytes) -> Snapshot | None:
    try:
        return read_snapshot(body)
    except InvalidFlag as error:
        log.warning("a file of flags is left aside: %s", error)
        return None


def _checksum(body: bytes) -> bytes:
    return b"sha256:" + sha256(body).hexdigest().encode()
