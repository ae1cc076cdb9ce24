"""How soon two API processes tell 100 followers of their streams of a change: from its commit to each of them.

`python -m benchmarks.replicas [--changes N] [--json]`; exit code 1 when the bar is missed.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.delivering.figures import Latency, latency
from benchmarks.delivering.listeners import listening
from benchmarks.delivering.publisher import publish
from benchmarks.delivering.stack import running
from benchmarks.harness.report import Bar, Report, machine, versions
from benchmarks.harness.table import table

REPLICAS, FOLLOWERS, LIMIT_MS = 2, 100, 60.0
WARM_UP = 10
APART = (0.1, 0.2)
VERSIONS = ("asyncpg", "fastapi", "sse-starlette", "uvicorn")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when the bar is missed."""
    asked = _parser().parse_args(arguments)
    figures = _measured(asked.changes)
    report = Report(
        name="replicas",
        machine=machine(),
        versions=versions(VERSIONS),
        rounds=asked.changes,
        results={"latency": asdict(figures)},
        bars=(
            Bar.at_most("commit to each follower, p99", figures.p99_ms, limit=LIMIT_MS, unit="ms"),
            Bar.at_most("changes that a follower missed", figures.missing, limit=0, unit=""),
        ),
    )
    print(report.as_json() if asked.json else _text(report, figures))
    return 0 if all(bar.holds for bar in report.bars) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replicas", description=__doc__)
    parser.add_argument("--changes", type=int, default=200, help="that are committed (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _measured(changes: int) -> Latency:
    with running(REPLICAS) as stack:
        publish(stack.database_url, changes=WARM_UP, apart=APART)
        with listening("streams", FOLLOWERS, [api.port for api in stack.apis]) as followers:
            publish(stack.database_url, changes=WARM_UP, apart=APART)
            commits = publish(stack.database_url, changes=changes, apart=APART)
            received = followers.result()
    return latency(commits, ([tuple(each) for each in streams[0]] for streams in received))


def _text(report: Report, figures: Latency) -> str:
    head = f"{REPLICAS} API processes, {FOLLOWERS} followers, {report.rounds} changes. {report.machine}"
    names = ["milliseconds", "deliveries", "p50", "p99", "worst", "missing"]
    row = ["commit to follower", str(figures.deliveries), f"{figures.p50_ms:.1f}", f"{figures.p99_ms:.1f}"]
    figures_table = table(names, [[*row, f"{figures.worst_ms:.1f}", str(figures.missing)]])
    return "\n\n".join([head, str(dict(report.versions)), figures_table, report.bars_text()])


if __name__ == "__main__":
    sys.exit(main())
