"""How long an emergency stop takes to be proven: two API processes, SDK clients, and a process that is frozen.

`python -m benchmarks.stop [--rounds N] [--json]`; exit code 1 when a bar is missed.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from benchmarks.delivering.stack import Stack, running
from benchmarks.harness.report import Bar, Report, machine, versions
from benchmarks.harness.table import table
from benchmarks.stopping.applications import applications
from benchmarks.stopping.scene import Stop, scene

REPLICAS, CLIENTS = 2, 4
HEALTHY, ALONE, CLIENT, WITH_CLIENTS = (
    "everybody answers",
    "a replica is frozen, no client",
    "a client is frozen",
    "a replica is frozen, with its clients",
)
HEALTHY_MS, ALONE_MS, CLIENT_MS = 100.0, 3000.0, 6000.0
PROVEN = 200
VERSIONS = ("asyncpg", "fastapi", "httpx", "uvicorn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The stops of one situation, in milliseconds as their caller waited."""

    rounds: int
    median_ms: float
    worst_ms: float
    proven: int
    confirmed: int
    expired: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when a bar is missed."""
    asked = _parser().parse_args(arguments)
    found = dict(_measured(asked.rounds))
    report = Report(
        name="stop",
        machine=machine(),
        versions=versions(VERSIONS),
        rounds=asked.rounds,
        results={name: asdict(figures) for name, figures in found.items()},
        bars=tuple(_bars(found)),
    )
    print(report.as_json() if asked.json else _text(report, found))
    return 0 if all(bar.holds for bar in report.bars) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stop", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="of each frozen situation (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _measured(rounds: int) -> Iterator[tuple[str, Figures]]:
    with running(REPLICAS) as stack, scene(stack.database_url, stack.apis[0].url) as played:
        replica = stack.apis[1].process.pid
        played.stopped(None)
        yield ALONE, _figures([played.stopped(replica) for _ in range(rounds)])
        with ExitStack() as clients:
            _connect(stack, clients)
            played.stopped(None)
            yield HEALTHY, _figures([played.stopped(None) for _ in range(3 * rounds)])
            yield WITH_CLIENTS, _figures([played.stopped(replica) for _ in range(rounds)])
            alone = clients.enter_context(applications(1, [stack.apis[0].port]))
            yield CLIENT, _figures([played.stopped(alone) for _ in range(rounds)])


def _connect(stack: Stack, clients: ExitStack) -> None:
    ports = [api.port for api in stack.apis]
    for _ in range(2):
        clients.enter_context(applications(CLIENTS // 2, ports))


def _figures(stops: Sequence[Stop]) -> Figures:
    milliseconds = [stop.seconds * 1000 for stop in stops]
    return Figures(
        rounds=len(stops),
        median_ms=statistics.median(milliseconds),
        worst_ms=max(milliseconds),
        proven=sum(stop.status == PROVEN for stop in stops),
        confirmed=min(stop.confirmed for stop in stops),
        expired=max(stop.expired for stop in stops),
    )


def _bars(found: Mapping[str, Figures]) -> Iterator[Bar]:
    yield Bar.at_most(f"{HEALTHY}, median", found[HEALTHY].median_ms, limit=HEALTHY_MS, unit="ms")
    for name, limit in ((ALONE, ALONE_MS), (CLIENT, CLIENT_MS), (WITH_CLIENTS, CLIENT_MS)):
        yield Bar.at_most(f"{name}, worst", found[name].worst_ms, limit=limit, unit="ms")
    unproven = sum(figures.rounds - figures.proven for figures in found.values())
    yield Bar.at_most("stops without proof", unproven, limit=0, unit="")


def _text(report: Report, found: Mapping[str, Figures]) -> str:
    head = f"{REPLICAS} API processes, {CLIENTS} SDK clients in 2 processes, a live rollout each. {report.machine}"
    names = ["milliseconds", "stops", "median", "worst", "proven", "confirmed, least", "expired, most"]
    rows = [
        [
            name,
            str(figures.rounds),
            f"{figures.median_ms:.0f}",
            f"{figures.worst_ms:.0f}",
            str(figures.proven),
            str(figures.confirmed),
            str(figures.expired),
        ]
        for name, figures in sorted(found.items(), key=lambda each: each[1].median_ms)
    ]
    return "\n\n".join([head, str(dict(report.versions)), table(names, rows), report.bars_text()])


if __name__ == "__main__":
    sys.exit(main())
