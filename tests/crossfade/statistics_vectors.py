"""Solve a file of statistics vectors with our public functions: `python -m tests.crossfade.statistics_vectors FILE`."""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from crossfade.errors import InvalidArgument
from tests.crossfade.statistics.solvers import solver_of
from tests.crossfade.statistics.vector_inputs import Answers, Value

# Of these any one is the answer: the file gives the value of each approximation.
ALTERNATIVES = {"sample_size_proportion": ("n_treatment_unpooled_normal", "n_treatment_arcsine")}
# A peer on raw values sets the floor: what is computed from histogram buckets may only be more cautious.
AT_LEAST = {"quantile_ab_always_valid": ("p",)}


@dataclass
class Kind:
    """What came of all cases of one kind."""

    cases: int = 0
    passed: int = 0
    worst: float = 0.0


@dataclass
class Report:
    """What came of a file."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    mismatches: list[str] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Case:
    id: str
    kind: str
    inputs: Value
    expected: Mapping[str, Value]
    relative: float
    absolute: float


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crossfade.statistics_vectors", description=__doc__)
    parser.add_argument("file", type=Path, help="a vectors file")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    try:
        cases = read(options.file)
    except (OSError, ValueError, KeyError, TypeError) as error:
        parser.error(f"{options.file} is not a vectors file: {error!r}")
    report = solve(cases)
    print(json.dumps(asdict(report), indent=2) if options.json else _table(report))  # noqa: T201  a command prints
    return 1 if report.mismatches else 0


def read(file: Path) -> list[object]:
    """The cases of a file, as they are written."""
    cases = json.loads(file.read_text(encoding="utf-8"))["cases"]
    if not isinstance(cases, list):
        raise TypeError("cases must be a list")
    return cases


def solve(cases: Sequence[object]) -> Report:
    """Solve all cases and compare; what is no case is a mismatch and hides no other."""
    report = Report()
    for place, written in enumerate(cases, start=1):
        try:
            case = _case(written)
        except (TypeError, ValueError) as error:
            report.mismatches.append(f"case {place} of the file cannot be read: {error}")
            continue
        _solve(case, report)
    return report


def _case(written: object) -> Case:
    """The case; without a tolerance its numbers must be met exactly."""
    case = _mapping(written, "it")
    tolerance = _mapping(case.get("tolerance") or {}, "tolerance")
    return Case(
        id=str(case.get("id")),
        kind=str(case.get("kind")),
        inputs=case.get("inputs"),
        expected=_mapping(case.get("expected"), "expected"),
        relative=float(tolerance.get("rel") or 0),
        absolute=float(tolerance.get("abs") or 0),
    )


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be an object")
    return value


def _solve(case: Case, report: Report) -> None:
    solver = solver_of(case.kind, case.inputs)
    if solver is None:
        report.unknown[case.kind] = report.unknown.get(case.kind, 0) + 1
        return
    try:
        answers = solver(case.inputs if isinstance(case.inputs, Mapping) else {})
    except InvalidArgument:
        answers = {"status": "invalid_input"}
    except Exception as error:  # noqa: BLE001  one bad case must not hide the others
        answers = {"status": f"raised {error!r}"}
    _judge(case, answers, report)


def _judge(case: Case, answers: Answers, report: Report) -> None:
    kind = report.kinds.setdefault(case.kind, Kind())
    kind.cases += 1
    wrong = []
    for name, expected in _compared(case, answers, report):
        error = _error(expected, answers.get(name), case, name)
        if error is None:
            wrong.append(f"{case.id} {name}: expected {expected!r}, got {answers.get(name, answers.get('status'))!r}")
            continue
        kind.worst = max(kind.worst, error)
    kind.passed += not wrong
    report.mismatches += wrong


def _compared(case: Case, answers: Answers, report: Report) -> Iterator[tuple[str, Value]]:
    """What must agree: all that is expected, but for words beyond the status and unused alternatives."""
    alternatives = ALTERNATIVES.get(case.kind, ())
    for name, expected in case.expected.items():
        is_words = isinstance(expected, str) and name != "status"
        if is_words or (name in alternatives and name not in answers and any(each in answers for each in alternatives)):
            report.not_compared.append(f"{case.id} {name}")
        else:
            yield name, expected


def _error(expected: Value, actual: Value, case: Case, name: str) -> float | None:
    """The relative error (absolute where 0 is expected); None where the two disagree."""
    if isinstance(expected, list):
        return _list_error(expected, actual, case, name)
    # An infinite number must be met as a word must: no tolerance is a part of it.
    if not (_is_number(expected) and math.isfinite(expected)):
        return 0.0 if actual == expected and type(actual) is type(expected) else None
    if not _is_number(actual):
        return None
    if name in AT_LEAST.get(case.kind, ()) and actual >= expected:
        return 0.0
    apart = abs(actual - expected)
    if not apart <= max(case.absolute, case.relative * abs(expected)):
        return None
    return apart / abs(expected) if expected else apart


def _is_number(value: Value) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _list_error(expected: Sequence[Value], actual: Value, case: Case, name: str) -> float | None:
    if not isinstance(actual, list) or len(actual) != len(expected):
        return None
    errors = [_error(one, other, case, name) for one, other in zip(expected, actual, strict=True)]
    known = [error for error in errors if error is not None]
    return max(known, default=0.0) if len(known) == len(errors) else None


def _table(report: Report) -> str:
    lines = [f"{'kind':36} {'cases':>5} {'passed':>6}  worst relative error"]
    lines += [
        f"{name:36} {kind.cases:5} {kind.passed:6}  {kind.worst:.1e}" for name, kind in sorted(report.kinds.items())
    ]
    lines += [f"{name:36} {cases:5} unknown" for name, cases in sorted(report.unknown.items())]
    cases, passed = (sum(getattr(kind, name) for kind in report.kinds.values()) for name in ("cases", "passed"))
    lines += [f"{passed} of {cases} passed, {sum(report.unknown.values())} of unknown kind", *report.mismatches]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
