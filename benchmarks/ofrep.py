"""How many evaluations a second two API processes answer over HTTP, with the load generator on the same machine.

`python -m benchmarks.ofrep [--rounds N] [--seconds N] [--json]`; exit code 1 when it could not measure.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import httpx

from benchmarks.delivering.stack import SDK_TOKEN, Stack, running
from benchmarks.evaluating.flags import NUMBER, PERCENTAGE, name, publish
from benchmarks.evaluating.wrk import CONNECTIONS, PACKAGE, PROGRAM, Load, is_installed, load, middle
from benchmarks.harness.report import Bar, Report, machine, versions
from benchmarks.harness.table import table
from crossfade.ofrep import EVALUATE

PROCESSES = 2
WARM_UP_SECONDS = 2
PEOPLE = 400
TOLERANCE = 0.1
AIM = 5_000
VERSIONS = ("fastapi", "msgspec", "starlette", "uvicorn")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when there is no load generator, or when the answers are wrong."""
    asked = _parser().parse_args(arguments)
    if not is_installed():
        print(f"{PROGRAM} is missing. {PACKAGE}", file=sys.stderr)
        return 1
    with running(PROCESSES) as stack, tempfile.TemporaryDirectory() as folder:
        publish(stack.database_url)
        share = _share(stack)
        loads = _loads(stack, rounds=asked.rounds, seconds=asked.seconds, folder=Path(folder))
    report = Report(
        name="ofrep",
        machine=machine(),
        versions=versions(VERSIONS),
        rounds=asked.rounds,
        results={"share": share, **{kind: asdict(each) for kind, each in loads.items()}},
        bars=(
            Bar.at_least("evaluations of one flag", loads["one flag"].per_second, limit=AIM, unit="a second"),
            Bar.at_most("refused", sum(each.refused for each in loads.values()), limit=0, unit=""),
        ),
    )
    print(report.as_json() if asked.json else _text(report, loads))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ofrep", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each load (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=8, help="that each load takes (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _share(stack: Stack) -> float:
    """The share of the people for whom a flag is on, asked of both processes, which must agree."""
    headers = {"Authorization": f"Bearer {SDK_TOKEN}"}
    answers: list[list[bool]] = []
    for api in stack.apis:
        with httpx.Client(base_url=api.url, headers=headers) as client:
            answers.append([_value(client, number) for number in range(PEOPLE)])
    assert answers[0] == answers[1], "the two processes answer differently"
    share = sum(answers[0]) / PEOPLE
    assert abs(share - PERCENTAGE / 100) < TOLERANCE, f"the flag is on for {share:.1%}"
    return share


def _value(client: httpx.Client, number: int) -> bool:
    context = {"targetingKey": f"user-{number}", "userGroups": ["beta-testers"], "country": "DE"}
    answer = client.post(f"{EVALUATE}/{name(0)}", json={"context": context}).raise_for_status()
    return bool(answer.json()["value"])


def _loads(stack: Stack, *, rounds: int, seconds: int, folder: Path) -> dict[str, Load]:
    """The medians of rounds in which every kind of load has its turn."""
    kinds = {"one flag": f"{EVALUATE}/{name(0)}", f"all {NUMBER} flags": EVALUATE}
    found: dict[str, list[Load]] = {kind: [] for kind in kinds}
    for number in range(rounds + 1):
        for kind, path in kinds.items():
            urls = [f"{api.url}{path}" for api in stack.apis]
            measured = load(urls, token=SDK_TOKEN, seconds=seconds if number else WARM_UP_SECONDS, folder=folder)
            if number:
                found[kind].append(measured)
    return {kind: middle(each) for kind, each in found.items()}


def _text(report: Report, loads: dict[str, Load]) -> str:
    rows = [
        [kind, f"{each.per_second:.0f}", f"{each.p50_ms:.1f}", f"{each.p99_ms:.1f}", str(each.refused)]
        for kind, each in loads.items()
    ]
    told = f"{PROCESSES} API processes, {CONNECTIONS} connections to each, {report.rounds} rounds. {report.machine}"
    head = ["POST", "requests/s", "p50 ms", "p99 ms", "refused"]
    return "\n\n".join([told, str(dict(report.versions)), table(head, rows), report.bars_text()])


if __name__ == "__main__":
    sys.exit(main())
