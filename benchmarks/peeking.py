"""What happens when people watch a ramp: false alarms and power at every look, ours beside the usual tests.

`python -m benchmarks.peeking [--runs N] [--json] [--plots FOLDER]`
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.harness.environment import enter
from benchmarks.harness.report import Report, machine, versions
from benchmarks.harness.table import table
from benchmarks.peers import packages
from benchmarks.ramps.agreement import check_peers
from benchmarks.ramps.plots import draw
from benchmarks.ramps.results import Played, bars, limit_rollbacks, play_all
from benchmarks.ramps.scores import Score

RUNS = 4000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when it could not measure."""
    asked = _parser().parse_args(arguments)
    enter("benchmarks.peeking")
    agreement = check_peers()
    played = play_all(runs=asked.runs, tell=lambda name: print(f"  {name} ...", file=sys.stderr, flush=True))
    limits = limit_rollbacks(runs=asked.runs)
    report = Report(
        name="peeking",
        machine=machine(),
        versions=versions(packages.VERSIONS),
        rounds=asked.runs,
        results={
            "agreement": agreement,
            "scenarios": {name: each.as_dict() for name, each in played.items()},
            "limit": {
                f"{rate:.1%}": {rule: asdict(score) for rule, score in by.items()} for rate, by in limits.items()
            },
        },
        bars=bars(played, runs=asked.runs),
    )
    print(report.as_json() if asked.json else _text(report, played, limits))
    if asked.plots:
        draw(played, limits, folder=asked.plots)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peeking", description=__doc__)
    parser.add_argument("--runs", type=_positive, default=RUNS, help="ramps per scenario (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw the plots of docs/statistics.md, too")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if not number >= 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _text(report: Report, played: Mapping[str, Played], limits: Mapping[float, Mapping[str, Score]]) -> str:
    head = [f"{report.rounds} ramps each, 100 looks, alpha 5 %. {report.machine}", str(dict(report.versions))]
    parts = [*head, *(_scenario(each) for each in played.values()), _limits(limits), report.bars_text()]
    return "\n\n".join(parts)


def _scenario(played: Played) -> str:
    rows = [
        [
            judge,
            f"{score.share:.1%}",
            f"{score.error:.1%}",
            "-" if score.median_look is None else f"{score.median_look:.0f}",
        ]
        for judge, score in played.scores.items()
    ]
    title = f"{played.scenario.name} ({played.scenario.truth})"
    return table([title, "alarms", "s.e.", "median look"], rows)


def _limits(limits: Mapping[float, Mapping[str, Score]]) -> str:
    rows = [[f"{rate:.1%}", *(f"{score.share:.1%}" for score in by.values())] for rate, by in limits.items()]
    return "Ramps that a limit of 1 % rolls back\n" + table(["true error rate", "plain rule", "exact bound"], rows)


if __name__ == "__main__":
    sys.exit(main())
