"""The report of a benchmark: what was measured, with what, and whether it holds."""

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from operator import ge, le
from typing import Self


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure and what it must be.

    Attributes:
        holds: Whether the value is on the right side of the limit; False for NaN.
    """

    name: str
    value: float
    unit: str
    limit: float
    holds: bool

    @classmethod
    def at_most(cls, name: str, value: float, *, limit: float, unit: str) -> Self:
        """A bar that the value must not exceed."""
        return cls(name, value, unit, limit, bool(le(value, limit)))

    @classmethod
    def at_least(cls, name: str, value: float, *, limit: float, unit: str) -> Self:
        """A bar that the value must reach."""
        return cls(name, value, unit, limit, bool(ge(value, limit)))

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "MISSED"
        return f"{verdict:<6}  {self.name}: {self.value:.4g} {self.unit}, limit {self.limit:.4g}"


@dataclass(frozen=True, slots=True)
class Report:
    """All of it, as `--json` prints it."""

    name: str
    machine: str
    versions: Mapping[str, str]
    rounds: int
    results: Mapping[str, object]
    bars: tuple[Bar, ...]

    def as_json(self) -> str:
        """One JSON object."""
        return json.dumps(asdict(self), indent=2)

    def bars_text(self) -> str:
        """One line for each bar."""
        return "\n".join(map(str, self.bars))


def machine() -> str:
    """The machine in a line: kind of processor, cores, Python."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The installed versions of some packages."""
    return {package: version(package) for package in packages}
