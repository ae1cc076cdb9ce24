"""Failpoints: a worker that kills or freezes itself beside an activity, at the word of a fault test.

CROSSFADE_FAILPOINTS names a folder, and an empty file in it arms one point: `rollout.publish:after:2:kill` kills the
worker after the write of the second `rollout.publish` that any worker of this folder has begun, before Temporal hears
of it. Retries of an activity count as the same one. A point fires once: its file becomes `... .spent` and holds the
pid. Outside tests (CROSSFADE_TESTING=1) the variable is refused.
"""

import fcntl
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

VARIABLE: Final = "CROSSFADE_FAILPOINTS"
TESTING: Final = "CROSSFADE_TESTING"
SPENT: Final = ".spent"
ACTS: Final = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}


class FailpointsRefused(Exception):
    """CROSSFADE_FAILPOINTS is for tests of Crossfade itself: unset it, nothing may break this worker on purpose."""

    def __str__(self) -> str:
        """Say it."""
        return self.__doc__ or ""


class Failpoints(Interceptor):
    """Looks before and after each activity whether a point is armed for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - its name
        """Stand in front of an activity."""
        return Guarded(next, self.folder)


class Guarded(ActivityInboundInterceptor):
    """One activity between its two points."""

    def __init__(self, next: ActivityInboundInterceptor, folder: Path) -> None:  # noqa: A002 - its name
        super().__init__(next)
        self.folder = folder

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - its name
        """Carry the activity out, unless a point fires."""
        name = activity.info().activity_type
        number = begun(self.folder)
        fire(self.folder, f"{name}:before:{number}")
        result = await super().execute_activity(input)
        fire(self.folder, f"{name}:after:{number}")
        return result


def failpoints(environ: Mapping[str, str]) -> tuple[Interceptor, ...]:
    """Give the interceptor that the environment asks for, usually none; FailpointsRefused outside tests."""
    folder = environ.get(VARIABLE)
    if not folder:
        return ()
    if environ.get(TESTING) != "1":
        raise FailpointsRefused
    return (Failpoints(Path(folder)),)


def begun(folder: Path) -> int:
    """Give the number of the activity under way among those of its name, over all workers of the folder."""
    info = activity.info()
    key = f"{info.workflow_run_id}/{info.activity_id}"
    with (folder / f"{info.activity_type}.begun").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        keys = file.read().split()
        if key not in keys:
            file.write(f"{key}\n")
            keys.append(key)
    return keys.index(key) + 1


def fire(folder: Path, point: str) -> None:
    """Do what an armed point says to this process; of several workers, one does."""
    for act, number in ACTS.items():
        armed = folder / f"{point}:{act}"
        spent = armed.with_name(armed.name + SPENT)
        try:
            armed.rename(spent)
        except FileNotFoundError:
            continue
        spent.write_text(str(os.getpid()))
        os.kill(os.getpid(), number)
