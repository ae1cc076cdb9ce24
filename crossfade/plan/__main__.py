"""`python -m crossfade.plan schema` prints the JSON Schema, `... check FILE [--json]` checks a plan.

Exit code 0: the plan is accepted; 1: it is refused; 2: the command or the file cannot be used.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossfade.errors import InvalidPlan, Problem
from crossfade.plan.loading import load
from crossfade.plan.reading import MOST_BYTES
from crossfade.plan.resolved import Plan
from crossfade.plan.schema import json_schema

ACCEPTED, REFUSED, UNUSABLE = 0, 1, 2


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the command; the answer is the exit code."""
    options = _parser().parse_args(arguments)
    if options.command == "schema":
        print(json.dumps(json_schema(), indent=2))
        return ACCEPTED
    try:
        text = _read(Path(options.file))
    except OSError as error:
        print(f"{options.file}: cannot be read: {error.strerror}", file=sys.stderr)
        return UNUSABLE
    return _check(text, options.file, environ, as_json=options.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m crossfade.plan", description="Check migration plans.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("schema", help="print the JSON Schema of a plan")
    check = commands.add_parser("check", help="check a plan; exit code 0 accepted, 1 refused, 2 unusable")
    check.add_argument("file", metavar="FILE")
    check.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _read(path: Path) -> bytes:
    # One byte more than is allowed, so that a huge file is refused and not read.
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _check(text: bytes, file: str, environ: Mapping[str, str], *, as_json: bool) -> int:
    try:
        plan = load(text, environ=environ, file=file)
    except InvalidPlan as refused:
        print(json.dumps(_refused(refused.problems), indent=2) if as_json else _listed(refused.problems))
        return REFUSED
    print(json.dumps(_accepted(plan), indent=2) if as_json else _told(plan, file))
    return ACCEPTED


def _refused(problems: Sequence[Problem]) -> dict[str, Any]:
    return {
        "accepted": False,
        "problems": [
            {
                "file": problem.file,
                "line": problem.line,
                "column": problem.column,
                "field": problem.field,
                "message": problem.message,
            }
            for problem in problems
        ],
    }


def _accepted(plan: Plan) -> dict[str, Any]:
    return {
        "accepted": True,
        "name": plan.name,
        "environment": plan.environment,
        "phases": {phase.name: [component.name for component in phase.components] for phase in plan.phases},
        "warnings": list(plan.warnings),
        "withoutEffect": list(plan.without_effect),
    }


def _listed(problems: Sequence[Problem]) -> str:
    refused = f"refused: {len(problems)} problem{'s' if len(problems) != 1 else ''}"
    return "\n".join([*(str(problem) for problem in problems), refused])


def _told(plan: Plan, file: str) -> str:
    components = sum(len(phase.components) for phase in plan.phases)
    return "\n".join(
        [
            *(f"{file}: warning: {warning}" for warning in plan.warnings),
            *(f"{file}: without effect yet: {note}" for note in plan.without_effect),
            f"{file}: accepted: {plan.name}, phases: {len(plan.phases)}, components: {components}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
