import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local import children
from tests.local.processes import is_alive, wait_until_gone

ROOT = Path(__file__).parents[2]
OWNER = """
import sys, time
from pathlib import Path
from local import children
from tests.local.processes import is_alive, wait_until_gone
if sys.argv[1] == "pipe":
    sys.platform = "darwin"
with Path("/dev/null").open("wb") as log:
    print(children.start("sleeper", ["/bin/sleep", "60"], log=log).pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("way", ["kernel", "pipe"])
def test_a_child_dies_with_an_owner_that_is_killed(way: str) -> None:
    if way == "kernel" and sys.platform != "linux":
        pytest.skip("only Linux tells a process of its parent's death")
    owner = subprocess.Popen([sys.executable, "-c", OWNER, way], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    assert is_alive(pid)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert wait_until_gone(pid) == []


def test_a_child_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    with (tmp_path / "log").open("wb") as log:
        child = children.start("stubborn", [sys.executable, "-c", stubborn], log=log)
    while b"deaf" not in (tmp_path / "log").read_bytes():
        time.sleep(0.01)
    assert child.stop(grace=0.05) == -signal.SIGKILL


def test_a_command_that_does_not_exist_is_named_in_the_log(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        child = children.start("nothing", ["/no/such/program"], log=log)
    assert child.process.wait() == 1
    assert "/no/such/program: No such file" in (tmp_path / "log").read_text()
