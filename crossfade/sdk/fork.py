"""A forked child has the memory of its parent and none of its threads."""

import os
import threading  # noqa: F401 - its own hook must run before ours: it takes threads that ours has started for dead
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """Something that must begin anew in a child."""

    def after_fork(self) -> None:
        """Begin anew."""


_watched: "WeakSet[Forked]" = WeakSet()


def watch(subject: Forked) -> None:
    """Have its `after_fork` called in every child."""
    _watched.add(subject)


def _in_child() -> None:
    for subject in list(_watched):
        subject.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
