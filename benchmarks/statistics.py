"""How long one look at a thousand metrics takes, ours beside scipy, statsmodels and gbstats.

`python -m benchmarks.statistics [--metrics N] [--rounds N] [--json]`
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from time import thread_time

from benchmarks.harness.environment import enter
from benchmarks.harness.report import Bar, Report, machine, versions
from benchmarks.harness.rounds import Timing, timed
from benchmarks.harness.table import table
from benchmarks.looks import agreement, peers
from benchmarks.looks.figures import Figures
from benchmarks.looks.ours import folded, state_of
from benchmarks.peers import packages
from crossfade.statistics.means import welch
from crossfade.statistics.proportions import two_proportions
from crossfade.statistics.rates import RateDesign, sequential_rates
from crossfade.statistics.sequential_means import sequential_means

LOOK, PEER = "crossfade, full look", "gbstats, its tests called directly"
# A look in warm caches, as the peers' loops over the metrics have them; for show: the bars take the cold one.
WARM, IN_A_ROW = "crossfade, full look, ten in a row (one of them)", 10
# Its own entry point takes milliseconds a metric, so a part of the metrics is timed and scaled up.
ENTRY, ENTRY_METRICS = "gbstats, its own entry point (scaled up)", 20
LIMIT_MS, LIMIT_RATIO = 10.0, 100.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when it could not measure."""
    asked = _parser().parse_args(arguments)
    enter("benchmarks.statistics")
    figures = Figures.random(asked.metrics, seed=1)
    agreed = agreement.check(figures)
    # The processor's time of this thread: all contenders only compute, and a busy machine must not favour the short
    # ones, which it does not interrupt.
    timings = timed(_contenders(figures), rounds=asked.rounds, clock=thread_time)
    timings[WARM] = timings[WARM].times(1 / IN_A_ROW)
    timings[ENTRY] = timings[ENTRY].times(asked.metrics / min(asked.metrics, ENTRY_METRICS))
    report = Report(
        name="statistics",
        machine=machine(),
        versions=versions(packages.VERSIONS),
        rounds=asked.rounds,
        results={
            "metrics": asked.metrics,
            "agreement": agreed,
            "ms": {name: asdict(timing) for name, timing in timings.items()},
        },
        bars=_bars(timings),
    )
    print(report.as_json() if asked.json else _text(report, timings, agreed))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statistics", description=__doc__)
    parser.add_argument("--metrics", type=int, default=1000, help="metrics in a look (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=25, help="interleaved rounds (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _contenders(figures: Figures) -> Mapping[str, Callable[[], object]]:
    design = RateDesign.of()
    state = state_of(figures, n_star=agreement.GBSTATS_N_STAR)

    def fold() -> object:
        rates, means = folded(figures, design=design)
        return state.rates + rates, state.means + means

    return {
        LOOK: state.look,
        WARM: lambda: [state.look() for _ in range(IN_A_ROW)],
        "crossfade, of that rates (M3)": lambda: sequential_rates(state.rates),
        "crossfade, of that means (M4)": lambda: sequential_means(state.means, state.means_design),
        "crossfade, of that sample ratio (M7)": lambda: state.split.look(state.counted),
        "crossfade, fold one more bucket": fold,
        "crossfade, Welch": lambda: welch(*figures.moments),
        "crossfade, pooled z with intervals": lambda: two_proportions(*figures.counts),
        "scipy loop, rate mixture (M3, harm only)": lambda: peers.mixture_look(figures),
        "scipy loop, Welch and chi-square": lambda: peers.scipy_look(figures),
        "statsmodels loop, pooled z": lambda: peers.statsmodels_look(figures),
        PEER: lambda: peers.gbstats_look(figures),
        ENTRY: lambda: peers.gbstats_entry(figures, metrics=ENTRY_METRICS),
    }


def _bars(timings: Mapping[str, Timing]) -> tuple[Bar, ...]:
    ours = timings[LOOK].median_ms
    return (
        Bar.at_most("a full look over all metrics", ours, limit=LIMIT_MS, unit="ms"),
        *(
            Bar.at_least(f"faster than {peer}", timings[peer].median_ms / ours, limit=LIMIT_RATIO, unit="times")
            for peer in (ENTRY, PEER)
        ),
    )


def _text(report: Report, timings: Mapping[str, Timing], agreed: Mapping[str, float]) -> str:
    rows = [
        [name, f"{each.median_ms:.2f}", f"{each.p25_ms:.2f}", f"{each.p75_ms:.2f}", f"{each.best_ms:.2f}"]
        for name, each in timings.items()
    ]
    same = "\n".join(f"agrees  {name}: {error:.1e} apart at most, relative" for name, error in agreed.items())
    head = f"{report.results['metrics']} metrics, {report.rounds} interleaved rounds. {report.machine}"
    times = table(["milliseconds", "median", "p25", "p75", "best"], rows)
    return "\n\n".join([head, str(dict(report.versions)), same, times, report.bars_text()])


if __name__ == "__main__":
    sys.exit(main())
