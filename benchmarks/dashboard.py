"""What a dashboard costs: one reading of 15 and of 200 components with an hour of samples, and 200 viewers at 5 s.

`python -m benchmarks.dashboard [--rounds N] [--seconds N] [--json]`
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from api.dashboard import Dashboard, Sources, TemporalWatch, View
from api.database import Database
from api.replica import Replica
from api.temporal import Temporal
from benchmarks.dashboards.samples import fill
from benchmarks.dashboards.viewers import Load, watched
from benchmarks.harness.report import Bar, Report, machine, versions
from benchmarks.harness.rounds import Timing, timed
from benchmarks.harness.table import table
from local.home import remove
from local.postgres import serve
from store.engine import create_engine

SMALL, LARGE, VIEWERS, INTERVAL = 15, 200, 200, 5
TICK, WHOLE = "components, each tick", "components, the whole hour anew"
NO_TEMPORAL = {"TEMPORAL_ADDRESS": "127.0.0.1:1"}
VERSIONS = ("asyncpg", "fastapi", "sqlalchemy", "sse-starlette", "uvicorn")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when it could not measure."""
    asked = _parser().parse_args(arguments)
    home = Path(tempfile.mkdtemp(prefix="cf-bench-", dir="/tmp"))
    home.chmod(0o755)
    environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    try:
        with serve(home, environ) as postgres:
            migrate = [sys.executable, "-m", "store", "migrate"]
            subprocess.run(migrate, env={**environ, "DATABASE_URL": postgres.url}, check=True, stdout=sys.stderr)
            report = _report(postgres.url, rounds=asked.rounds, seconds=asked.seconds)
    finally:
        remove(home)
    print(report.as_json() if asked.json else _text(report))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=20, help="of watching the viewers (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _report(url: str, *, rounds: int, seconds: int) -> Report:
    timings = _timings(url, rounds=rounds)
    print(f"  {VIEWERS} viewers ...", file=sys.stderr, flush=True)
    load = watched(url, environment=_name(SMALL), viewers=VIEWERS, interval=INTERVAL, seconds=seconds)
    return Report(
        name="dashboard",
        machine=machine(),
        versions=versions(VERSIONS),
        rounds=rounds,
        results={"ms": {name: asdict(timing) for name, timing in timings.items()}, "viewers": asdict(load)},
        bars=_bars(timings, load),
    )


def _timings(url: str, *, rounds: int) -> Mapping[str, Timing]:
    with asyncio.Runner() as runner:
        engine = create_engine(url)
        database = Database(engine)
        watch = TemporalWatch(Temporal(NO_TEMPORAL))
        sources = Sources(database, Replica(database, url=url, environment=_name(SMALL)), watch, _name(SMALL))
        for components in (SMALL, LARGE):
            print(f"  an hour of {components} components ...", file=sys.stderr, flush=True)
            runner.run(fill(engine, environment=_name(components), components=components))
        kept = {components: Dashboard(sources, View(_name(components))) for components in (SMALL, LARGE)}
        timings = timed(
            {
                f"{SMALL} {TICK}": lambda: runner.run(kept[SMALL].read()),
                f"{LARGE} {TICK}": lambda: runner.run(kept[LARGE].read()),
                f"{SMALL} {WHOLE}": lambda: runner.run(Dashboard(sources, View(_name(SMALL))).read()),
            },
            rounds=rounds,
        )
        runner.run(watch.close())
        runner.run(engine.dispose())
    return timings


def _name(components: int) -> str:
    return f"bench-{components}"


def _bars(timings: Mapping[str, Timing], load: Load) -> tuple[Bar, ...]:
    tick = timings[f"{SMALL} {TICK}"].median_ms
    return (
        Bar.at_most(f"a tick of {SMALL} components", tick, limit=100, unit="ms"),
        Bar.at_most(f"a tick of {LARGE} components", timings[f"{LARGE} {TICK}"].median_ms, limit=500, unit="ms"),
        Bar.at_least(
            "cheaper than the whole hour anew", timings[f"{SMALL} {WHOLE}"].median_ms / tick, limit=2, unit="times"
        ),
        Bar.at_most(f"{VIEWERS} viewers at {INTERVAL} s, of a core", load.share, limit=0.05, unit=""),
        Bar.at_least("events to each viewer", load.fewest_events, limit=load.due_events, unit=""),
    )


def _text(report: Report) -> str:
    timings, load = report.results["ms"], report.results["viewers"]
    assert isinstance(timings, dict)
    rows = [
        [name, *(f"{each[part]:.1f}" for part in ("median_ms", "p25_ms", "p75_ms"))] for name, each in timings.items()
    ]
    head = f"{report.rounds} interleaved rounds. {report.machine}"
    times = table(["milliseconds", "median", "p25", "p75"], rows)
    return "\n\n".join([head, str(dict(report.versions)), times, str(load), report.bars_text()])


if __name__ == "__main__":
    sys.exit(main())
