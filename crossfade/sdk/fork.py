"""A forked child has the memory of its parent and none of its threads."""

import os
import sys
import threading  # noqa: F401 - its own hook must run before ours: it takes threads that ours has started for dead
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """Something that must begin anew in a child."""

    def after_fork(self) -> None:
        """Begin anew."""

    def close(self) -> None:
        """End in good order."""


_watched: "WeakSet[Forked]" = WeakSet()


def watch(subject: Forked) -> None:
    """Have its `after_fork` called in every child."""
    _watched.add(subject)


def _in_child() -> None:
    for subject in list(_watched):
        subject.after_fork()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # Its children leave by os._exit(), past atexit; and it has yet to throw away the finalizers of its parent.
        util.register_after_fork(_watched, _close_at_exit)


def _close_at_exit(subjects: "WeakSet[Forked]") -> None:
    sys.modules["multiprocessing.util"].Finalize(None, _close, args=(subjects,), exitpriority=0)


def _close(subjects: "WeakSet[Forked]") -> None:
    for subject in list(subjects):
        subject.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
