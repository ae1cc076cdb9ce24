"""The one folder where a local stack keeps everything, and what lies outside it when it must."""

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from local.binaries import can_enter
from local.children import User

_SOCKET_NAME = "/.s.PGSQL.5432.lock"
_LONGEST_SOCKET = 103  # bytes; sockaddr_un has 104 on macOS, 108 on Linux
_SOCKET_PREFIX = "crossfade-"
_FOR_ROOT = Path("/var/lib/crossfade")


def home(environ: Mapping[str, str]) -> Path:
    """`CROSSFADE_HOME`, else `.crossfade` in the working directory; made when it is missing."""
    folder = Path(environ.get("CROSSFADE_HOME") or ".crossfade").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cluster_folder(folder: Path, user: User | None) -> Path:
    """Where Postgres keeps its data: in the home, or, when its user cannot enter that, where a note there says."""
    inside = folder / "postgres"
    note = folder / "postgres.path"
    if note.exists():
        inside = Path(note.read_text().strip())
    inside.mkdir(parents=True, exist_ok=True)
    give(inside, user)
    if can_enter(inside, user):
        return inside
    inside.rmdir()
    outside = _FOR_ROOT / secrets.token_hex(4)
    outside.mkdir(parents=True)
    _FOR_ROOT.chmod(0o755)
    note.write_text(f"{outside}\n")
    give(outside, user)
    return outside


def remove(folder: Path) -> None:
    """Delete the home and what its notes say lies outside."""
    cluster = folder / "postgres"
    note = folder / "postgres.path"
    if note.exists() and (outside := Path(note.read_text().strip())).parent == _FOR_ROOT:
        cluster = outside
    sockets = cluster / "socket.path"
    if sockets.exists() and (known := Path(sockets.read_text().strip())).name.startswith(_SOCKET_PREFIX):
        shutil.rmtree(known, ignore_errors=True)
    for whole in (cluster, folder):
        shutil.rmtree(whole, ignore_errors=True)


def socket_folder(cluster: Path, user: User | None) -> Path:
    """A folder of mode 0700 with a path short enough for a socket; the same one at every start where possible."""
    note = cluster / "socket.path"
    if note.exists() and _is_private(known := Path(note.read_text().strip()), user):
        return known
    beside = cluster / "socket"
    if len(os.fsencode(beside)) + len(_SOCKET_NAME) <= _LONGEST_SOCKET:
        beside.mkdir(mode=0o700, exist_ok=True)
        folder = beside
    else:
        folder = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX, dir="/tmp"))
    folder.chmod(0o700)
    give(folder, user)
    note.write_text(f"{folder}\n")
    return folder


def write_private(file: Path, text: str) -> None:
    """Write the file in one step, readable for its owner alone."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)
    fresh.replace(file)


def give(path: Path, user: User | None) -> None:
    """Make the path the user's own, when there is a user to give it to."""
    if user is not None:
        os.chown(path, user.uid, user.gid)


def _is_private(folder: Path, user: User | None) -> bool:
    """Whether it is a real folder, ours alone; the folder may be gone or, in /tmp, somebody else's by now."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    owner = user.uid if user else os.geteuid()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and stat.S_IMODE(found.st_mode) == 0o700  # noqa: PLR2004
