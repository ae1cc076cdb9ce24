import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import httpx
import pytest

from tests.acceptance.running import Running, end, home, stack, start, wait_until
from tests.local.processes import wait_until_gone

PLAN = Path(__file__).with_name("two.yaml").read_text()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with home() as folder, stack(folder) as running:
        yield running


def test_the_addresses_are_in_a_file_that_only_its_owner_can_read(running: Running) -> None:
    file = running.home / "stack.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert running.pids.keys() == {"postgres", "temporal", "api", "worker", "app", "traffic"}


def test_every_address_answers(running: Running) -> None:
    for name in ("documentation", "temporalPage", "app", "traffic"):
        suffix = "" if name in {"documentation", "temporalPage"} else "/healthz"
        answer = httpx.get(f"{running.told[name]}{suffix}", follow_redirects=True, timeout=10, trust_env=False)
        assert answer.status_code == 200, name


def test_the_documentation_page_loads_nothing_from_elsewhere(running: Running) -> None:
    page = httpx.get(running.told["documentation"], timeout=10, trust_env=False).text
    assert "https://" not in page
    assert "http://" not in page


def test_a_second_stack_in_the_same_folder_is_refused_and_harms_nothing(running: Running) -> None:
    second = start(running.home, "up")
    _, said = second.communicate(timeout=60)
    assert second.returncode == 1
    assert str(running.home) in said
    assert running.is_healthy


def test_a_plan_of_two_components_completes_under_traffic(running: Running) -> None:
    ended = running.migrate(PLAN)
    with running.api() as api:
        flags = {flag["name"]: flag["servedPercentage"] for flag in api.get("feature-flags").json()["flags"]}
    assert ended["status"] == "completed", ended
    assert [phase["status"] for phase in ended["phases"]] == ["completed", "completed"]
    assert flags == {"utilities-query-builder": 100, "repository-direct-orm": 100}


@pytest.mark.acceptance
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own help is Linux's")
def test_nothing_is_left_when_the_owner_is_killed_and_the_next_one_starts() -> None:
    with home() as folder:
        with stack(folder) as killed:
            pids = killed.pids
            killed.owner.send_signal(SIGKILL)
            killed.owner.wait()
            assert wait_until_gone(*pids.values(), seconds=20) == []
        with stack(folder) as again:
            assert again.told["adminToken"] == killed.told["adminToken"]
            assert again.is_healthy


@pytest.mark.acceptance
def test_a_stack_that_is_asked_to_end_leaves_nothing_and_says_0() -> None:
    with home() as folder, stack(folder) as running:
        pids = running.pids
        assert end(running.owner) == 0
        assert wait_until_gone(*pids.values(), seconds=1) == []
        assert not (folder / "stack.json").exists()


@pytest.mark.acceptance
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own help is Linux's")
def test_a_stack_ends_with_the_make_that_started_it() -> None:
    with home() as folder:
        script = f"import subprocess, sys; subprocess.run([sys.executable, *{['-m', 'local', '--with-parent', 'up']}])"
        make = subprocess.Popen(
            [sys.executable, "-c", script], env={"CROSSFADE_HOME": str(folder), "PATH": "/usr/bin:/bin"}
        )
        wait_until((folder / "stack.json").exists, seconds=60, what="the stack is not ready")
        pids = Running(folder, make, {}).pids  # type: ignore[arg-type]  # its text mode does not matter here
        make.kill()
        make.wait()
        assert wait_until_gone(*pids.values(), seconds=30) == []
