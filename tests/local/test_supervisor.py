import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.errors import ChildDied
from local.services import Service
from local.supervisor import Supervisor


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path)
    yield supervisor
    supervisor.stop()


def sleeper(name: str = "sleeper", *, is_restarted: bool) -> Service:
    return Service(name, (sys.executable, "-c", "import time; time.sleep(60)"), {}, None, is_restarted)


def kill(supervisor: Supervisor, name: str) -> int:
    pid = supervisor.pids()[name]
    os.kill(pid, signal.SIGKILL)
    supervisor.running[name].child.process.wait()
    return pid


def check_until_it_restarts(supervisor: Supervisor, times: int) -> None:
    for _ in range(times):
        while not supervisor.check():
            time.sleep(0.01)


def test_a_service_that_may_end_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start(sleeper("worker", is_restarted=True))
    killed = kill(supervisor, "worker")
    check_until_it_restarts(supervisor, times=1)
    assert supervisor.pids()["worker"] != killed
    assert supervisor.running["worker"].child.poll() is None


def test_a_service_that_may_not_end_is_reported_with_its_code_and_log(supervisor: Supervisor) -> None:
    supervisor.start(sleeper("app", is_restarted=False))
    kill(supervisor, "app")
    with pytest.raises(ChildDied, match=r"app ended with -9; see .*app\.log"):
        supervisor.check()


def test_a_service_that_ends_at_every_start_is_given_up(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.supervisor._FIRST_DELAY", 0.001)
    supervisor.start(
        Service("worker", (sys.executable, "-S", "-c", "raise SystemExit(3)"), {}, None, is_restarted=True)
    )
    with pytest.raises(ChildDied, match="worker ended with 3"):
        check_until_it_restarts(supervisor, times=100)


def test_the_services_end_in_the_reverse_order_of_their_start(supervisor: Supervisor, tmp_path: Path) -> None:
    say = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(note(sys.argv[1])))"
    note = f"note = lambda name: open({str(tmp_path / 'order')!r}, 'a').write(name) and 0"
    ready = "print('ready', flush=True); time.sleep(60)"
    for name in ("a", "b"):
        supervisor.start(Service(name, (sys.executable, "-c", f"{say}\n{note}\n{ready}", name), {}))
        while "ready" not in supervisor.log(name).read_text():
            time.sleep(0.01)
    supervisor.stop()
    assert (tmp_path / "order").read_text() == "ba"


def test_the_end_of_its_output_is_told_with_its_end(supervisor: Supervisor) -> None:
    words = "print('\\n'.join(map(str, range(9)))); raise SystemExit('port in use')"
    supervisor.start(Service("app", (sys.executable, "-S", "-c", words), {}, None, is_restarted=False))
    supervisor.running["app"].child.process.wait()
    with pytest.raises(ChildDied, match=r"(?s)app ended with 1; see .*app\.log\n  5\n.*port in use"):
        supervisor.check()
