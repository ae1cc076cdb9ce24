"""How soon 100 SDK clients serve a change, and how 500 come back when the process they follow dies.

`python -m benchmarks.delivery [--changes N] [--json]`; exit code 1 when a bar is missed.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from benchmarks.delivering.figures import Latency, busiest, latency
from benchmarks.delivering.listeners import listening
from benchmarks.delivering.publisher import publish
from benchmarks.delivering.stack import Stack, running
from benchmarks.harness.report import Bar, Report, machine, versions
from benchmarks.harness.table import table
from crossfade.sdk.listener import LONGEST_PAUSE

REPLICAS = 2
PROCESSES, CLIENTS_EACH = 4, 25
FOLLOWERS, SPREAD_SECONDS = 500, 5.0
WARM_UP = 5
APART = (0.8, 1.2)
VERSIONS = ("asyncpg", "fastapi", "httpx", "sse-starlette", "uvicorn")


@dataclass(frozen=True, slots=True)
class Return:
    """How the followers of a process that died came back to another.

    Attributes:
        returned: How many did.
        spread_seconds: From the first to the last.
        busiest_second: The most that came within one second.
    """

    returned: int
    spread_seconds: float
    busiest_second: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when a bar is missed."""
    asked = _parser().parse_args(arguments)
    with running(REPLICAS) as stack:
        publish(stack.database_url, changes=1, apart=(0, 0))
        served = _served(stack, asked.changes)
        print(f"  {FOLLOWERS} followers lose their process ...", file=sys.stderr, flush=True)
        back = _back(stack)
    report = Report(
        name="delivery",
        machine=machine(),
        versions=versions(VERSIONS),
        rounds=asked.changes,
        results={"served": asdict(served), "back": asdict(back)},
        bars=(
            Bar.at_most("changes that a client missed", served.missing, limit=0, unit=""),
            Bar.at_least("followers that came back", back.returned, limit=FOLLOWERS, unit=""),
            Bar.at_least("from the first to the last", back.spread_seconds, limit=SPREAD_SECONDS, unit="s"),
        ),
    )
    print(report.as_json() if asked.json else _text(report, served, back))
    return 0 if all(bar.holds for bar in report.bars) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.delivery", description=__doc__)
    parser.add_argument("--changes", type=int, default=30, help="that are committed (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _served(stack: Stack, changes: int) -> Latency:
    ports = [api.port for api in stack.apis]
    with ExitStack() as entered:
        processes = [entered.enter_context(listening("applications", CLIENTS_EACH, ports)) for _ in range(PROCESSES)]
        publish(stack.database_url, changes=WARM_UP, apart=APART)
        commits = publish(stack.database_url, changes=changes, apart=APART)
        received = [client for process in processes for client in process.result()]
    return latency(commits, ([tuple(each) for each in client] for client in received))


def _back(stack: Stack) -> Return:
    """All follow the first process; it is killed, and they come back to the second."""
    first, second = stack.apis
    with listening("streams", FOLLOWERS, [first.port], back_to=second.port) as followers:
        first.kill()
        time.sleep(LONGEST_PAUSE + 2)
        streams = followers.result()
    instants = [each[1][0][1] for each in streams if len(each) > 1 and each[1]]
    return Return(len(instants), max(instants) - min(instants), busiest(instants, seconds=1.0))


def _text(report: Report, served: Latency, back: Return) -> str:
    clients = f"{PROCESSES * CLIENTS_EACH} SDK clients in {PROCESSES} processes"
    head = f"{REPLICAS} API processes, {clients}, {report.rounds} changes."
    names = ["milliseconds", "deliveries", "p50", "p99", "worst", "missing"]
    row = ["commit to serving", str(served.deliveries), f"{served.p50_ms:.0f}", f"{served.p99_ms:.0f}"]
    latencies = table(names, [[*row, f"{served.worst_ms:.0f}", str(served.missing)]])
    again = (
        f"{back.returned} of {FOLLOWERS} followers came back within {back.spread_seconds:.1f} s, "
        f"at most {back.busiest_second} within a second"
    )
    return "\n\n".join([f"{head} {report.machine}", str(dict(report.versions)), latencies, again, report.bars_text()])


if __name__ == "__main__":
    sys.exit(main())
