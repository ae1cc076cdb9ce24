"""The peers' own environment: made once from the pinned file, never mixed into ours."""

import fcntl
import hashlib
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "benchmarks" / "requirements.lock"
HOME = ROOT / ".crossfade" / "bench"
PYTHON = HOME / "peers" / "bin" / "python"
_MARK = "CROSSFADE_BENCH_ENVIRONMENT"


def enter(module: str) -> None:
    """Go on in the peers' environment, which holds our versions of numpy and scipy, too.

    Returns there; here the process is replaced, so that ours and the peers are measured in one.

    Args:
        module: The benchmark to run again, such as `benchmarks.peeking`.
    """
    if os.environ.get(_MARK) == str(PYTHON):
        return
    prepare()
    # One thread each: the machine is shared, and a peer's loop has no second one either.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**os.environ, **threads, _MARK: str(PYTHON), "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    os.execve(PYTHON, [str(PYTHON), "-m", module, *sys.argv[1:]], environment)


def prepare() -> None:
    """Make the environment, or make it anew when the pinned file has changed; two at once wait for one another."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current():
            _make()


def _is_current() -> bool:
    with suppress(FileNotFoundError):
        return PYTHON.exists() and (HOME / "installed").read_text() == _fingerprint()
    return False


def _make() -> None:
    print("Installing the peers of the benchmarks ...", file=sys.stderr)
    run = [sys.executable, "-m", "venv", "--clear", str(PYTHON.parents[1])]
    subprocess.run(run, check=True, stdout=sys.stderr)
    # --no-deps: the pinned file is complete, and it overrides what gbstats asks of numpy.
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    subprocess.run([str(PYTHON), "-m", "pip", "install", *options, "-r", str(LOCK)], check=True, stdout=sys.stderr)
    (HOME / "installed").write_text(_fingerprint())


def _fingerprint() -> str:
    return hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
