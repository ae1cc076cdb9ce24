"""Failpoints in processes of their own; a worker that is told of them outside tests does not start."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from tests.faults.processes import FOREIGN, ROOT
from workflows.failpoints import Failpoints, FailpointsRefused, failpoints

# Runs the activity `play` as often as told, in its own words before, in and after it.
PLAY = """
import asyncio, dataclasses, sys
from pathlib import Path
from tests.faults.test_failpoints import play
asyncio.run(play(Path(sys.argv[1]), int(sys.argv[2])))
"""


class Written(ActivityInboundInterceptor):
    """The end of the chain: an activity that says that it has written."""

    def __init__(self) -> None:
        self.writes = 0

    async def execute_activity(self, input: ExecuteActivityInput) -> object:  # noqa: A002, ARG002 - its name
        self.writes += 1
        os.write(1, b"written\n")
        return self.writes


async def play(folder: Path, times: int) -> None:
    """Carry out an activity several times under the failpoints of the folder."""
    guarded = Failpoints(folder).intercept_activity(Written())
    order = ExecuteActivityInput(fn=play, args=(), executor=None, headers={})
    for number in range(times):
        environment = ActivityEnvironment()
        changes = {"activity_type": "play", "activity_id": str(number)}
        environment.info = environment.info.__class__(**{**vars(environment.info), **changes})
        await environment.run(guarded.execute_activity, order)


def played(folder: Path, times: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PLAY, str(folder), str(times)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_it_kills_before_and_after_the_write_of_the_chosen_activity_and_each_point_once(tmp_path: Path) -> None:
    (tmp_path / "play:before:2:kill").touch()
    (tmp_path / "play:after:2:kill").touch()
    runs = []
    for _ in range(3):
        runs.append(played(tmp_path, times=3))
        runs[-1].wait(60)

    written = "written\n"
    assert [run.communicate()[0] for run in runs] == [written, written * 2, written * 3]
    assert [run.returncode for run in runs] == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert (tmp_path / "play:before:2:kill.spent").read_text() == str(runs[0].pid)
    assert (tmp_path / "play:after:2:kill.spent").read_text() == str(runs[1].pid)


def test_it_freezes_and_goes_on_where_it_was_when_it_is_thawed(tmp_path: Path) -> None:
    (tmp_path / "play:before:1:freeze").touch()
    process = played(tmp_path, times=1)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    spent = (tmp_path / "play:before:1:freeze.spent").read_text()
    process.send_signal(signal.SIGCONT)

    assert spent == str(process.pid)
    assert process.communicate()[0] == "written\n"
    assert process.returncode == 0


def test_without_its_variable_there_is_no_interceptor() -> None:
    assert failpoints({"CROSSFADE_TESTING": "1"}) == ()


@pytest.mark.parametrize("testing", [{}, {"CROSSFADE_TESTING": "0"}])
def test_outside_tests_it_is_refused(testing: dict[str, str]) -> None:
    with pytest.raises(FailpointsRefused, match="is for tests of Crossfade itself"):
        failpoints({"CROSSFADE_FAILPOINTS": "/anywhere", **testing})


def test_a_worker_that_is_told_of_failpoints_outside_tests_does_not_start(tmp_path: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    done = subprocess.run(
        [sys.executable, "worker.py"],
        cwd=ROOT,
        env={**inherited, "DATABASE_URL": "postgresql:///x", "CROSSFADE_FAILPOINTS": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "CROSSFADE_FAILPOINTS is for tests of Crossfade itself: unset it" in done.stderr
    assert "Traceback" not in done.stderr
