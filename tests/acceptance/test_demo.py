import re
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.acceptance.running import home, start, wait_until
from tests.local.processes import wait_until_gone

pytestmark = pytest.mark.acceptance


class Show:
    """A run of the demonstration, its output in a file."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._log = folder / "demo.log"
        with self._log.open("w") as output:
            self.process = start(folder, "demo", *arguments, output=output)

    @property
    def text(self) -> str:
        return self._log.read_text()

    def ended(self) -> int:
        return self.process.wait(timeout=600)


@pytest.fixture
def folder() -> Iterator[Path]:
    with home() as folder:
        yield folder


def test_the_demo_migrates_fifteen_components_and_agrees_with_its_traffic(folder: Path) -> None:
    show = Show(folder, "--exit")
    assert show.ended() == 0, show.text
    assert "components at 100 %  15 of 15" in show.text
    assert "phases completed     5 of 5" in show.text
    assert "rollbacks            0" in show.text
    assert re.search(r"agree on [1-9]\d* requests", show.text)
    assert "repository-direct-orm: approval of 100 % given" in show.text


def test_faults_are_taken_back_and_what_they_leave_is_cleared_away(folder: Path) -> None:
    refused = Show(folder, "--exit", "--fault", "utilities-query-builder:drops")
    assert refused.ended() == 1, refused.text
    assert "utilities-query-builder can have the faults errors, wrong, slow, memory, not drops" in refused.text
    assert "migration demo #1" not in refused.text

    memory = Show(folder, "--exit", "--fault", "utilities-ml-service:memory")
    assert memory.ended() == 3, memory.text
    assert "its flag serves 0 %" in memory.text
    assert "metric memoryUsage" in memory.text
    assert "phase    utilities: paused" in memory.text

    wrong = Show(folder, "--exit", "--fault", "utilities-query-builder:wrong")
    assert wrong.ended() == 3, wrong.text
    assert "aborting demo #1" in wrong.text
    assert re.search(r"trigger +validation", wrong.text)

    killed = Show(folder)
    wait_until(lambda: "fault" not in killed.text and " 50 %" in killed.text, seconds=180, what="50 % was not shown")
    pids = stack_pids(folder)
    killed.process.send_signal(SIGKILL)
    killed.process.wait()
    assert wait_until_gone(*pids, seconds=20) == []

    continued = Show(folder, "--exit")
    assert continued.ended() == 0, continued.text
    assert "continuing demo #3" in continued.text

    new = Show(folder)
    wait_until(lambda: "migration demo #4: running" in new.text, seconds=180, what="no new migration has begun")
    wait_until(lambda: "ramping        0 %" in new.text, seconds=60, what="its first component does not begin at 0 %")
    new.process.terminate()
    assert new.ended() == 130


def stack_pids(folder: Path) -> list[int]:
    found = re.findall(r'"(?:postgres|temporal|api|worker|app|traffic)": (\d+)', (folder / "stack.json").read_text())
    return [int(pid) for pid in found]
