"""Memory and processor time of the processes of a stack, from /proc; nothing where there is none."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Footprint:
    """What one service has used, its child processes included; shared pages count once (PSS)."""

    first_mb: float = 0.0
    last_mb: float = 0.0
    largest_mb: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(slots=True)
class Footprints:
    """The services by name; call `sample` once in a while."""

    found: dict[str, Footprint] = field(default_factory=dict)

    def sample(self, pids: Mapping[str, int]) -> None:
        """Look at every service."""
        children = _children()
        for name, pid in pids.items():
            family = list(_family(pid, children))
            megabytes = sum(map(_megabytes, family))
            if not megabytes:
                continue
            footprint = self.found.setdefault(name, Footprint(first_mb=megabytes))
            footprint.last_mb = megabytes
            footprint.largest_mb = max(footprint.largest_mb, megabytes)
            # What a child that has ended used is in its parent's figure.
            footprint.cpu_seconds = max(footprint.cpu_seconds, sum(map(_cpu_seconds, family)))


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = defaultdict(list)
    for entry in PROC.glob("[0-9]*") if PROC.exists() else ():
        with suppress(OSError, ValueError, IndexError):
            children[int(_stat(int(entry.name))[1])].append(int(entry.name))
    return children


def _family(pid: int, children: Mapping[int, list[int]]) -> Iterator[int]:
    yield pid
    for child in children.get(pid, ()):
        yield from _family(child, children)


def _megabytes(pid: int) -> float:
    with suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _cpu_seconds(pid: int) -> float:
    with suppress(OSError, ValueError, IndexError):
        return sum(int(ticks) for ticks in _stat(pid)[11:15]) / TICKS
    return 0.0


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold spaces: state, parent, ..."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
