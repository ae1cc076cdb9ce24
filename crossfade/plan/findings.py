"""What the checks of a plan found, collected so that a person sees everything at once."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from crossfade.errors import InvalidPlan, Problem
from crossfade.plan.nodes import Node, Path, field_of

MOST_PROBLEMS = 100


@dataclass(slots=True)
class Findings:
    """Problems refuse the plan; warnings and things without effect are told."""

    file: str
    problems: dict[Problem, None] = field(default_factory=dict)
    _warnings: dict[tuple[int, str], None] = field(default_factory=dict)
    _without_effect: dict[tuple[int, str], None] = field(default_factory=dict)
    _refused: set[Path] = field(default_factory=set)
    _above_refused: set[Path] = field(default_factory=set)

    def refuse(self, node: Node, message: str, *missing: str) -> None:
        """Refuse a node, or what should be `missing` below it; said once however often it is inherited."""
        path = (*node.path, *missing)
        self._refused.add(path)
        self._above_refused.update(path[:length] for length in range(len(path) + 1))
        self.problems[Problem(self.file, node.line, node.column, field_of(path), message)] = None

    def refuse_text(self, line: int, column: int, message: str) -> None:
        """Refuse the text at a place that has no field."""
        self.problems[Problem(self.file, line, column, "", message)] = None

    def warn(self, node: Node, message: str) -> None:
        """Tell what is against best practice."""
        self._warnings[node.line, f"line {node.line}: {node.field}: {message}"] = None

    def lacks_effect(self, node: Node, message: str) -> None:
        """Tell what is understood and not acted on yet."""
        self._without_effect[node.line, f"line {node.line}: {node.field}: {message}"] = None

    def is_refused(self, path: Path) -> bool:
        """Whether exactly this was refused."""
        return path in self._refused

    def touches_refused(self, path: Path) -> bool:
        """Whether something at, above or below the path was refused."""
        above = (path[:length] for length in range(len(path)))
        return path in self._above_refused or any(prefix in self._refused for prefix in above)

    def refused(self) -> InvalidPlan:
        """What was refused, in the order of the text, as the error to raise."""
        ordered = sorted(self.problems, key=lambda problem: (problem.line, problem.column, problem.field))
        return InvalidPlan(ordered[:MOST_PROBLEMS])

    @property
    def warnings(self) -> tuple[str, ...]:
        """All warnings, in the order of the text."""
        return _messages(self._warnings)

    @property
    def without_effect(self) -> tuple[str, ...]:
        """Everything without effect, in the order of the text."""
        return _messages(self._without_effect)


def _messages(told: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(message for _, message in sorted(told))
