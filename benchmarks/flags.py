"""What asking for a flag costs, ours beside the peers in memory and beside a closure written by hand.

`python -m benchmarks.flags [--rounds N] [--json]`; exit code 1 when a bar is missed.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from benchmarks.flagging.ours import by_hand, by_hand_in_turn, clients, folding, in_turn
from benchmarks.flagging.peers import LAUNCHDARKLY, OPENFEATURE, UNLEASH, VERSIONS, peers
from benchmarks.flagging.question import KEYS, PERCENTAGE, Contender, flag_names
from benchmarks.harness.environment import enter
from benchmarks.harness.report import Bar, Report, machine, versions
from benchmarks.harness.rounds import Timing, timed
from benchmarks.harness.table import table

MANY = 1_000
ROUNDS = 60
TOLERANCE = 0.02
LIVE = ", live run"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when a bar is missed, or when somebody answers nonsense."""
    asked = _parser().parse_args(arguments)
    enter("benchmarks.flags")
    with ExitStack() as entered:
        closure = by_hand()
        ours = {number: entered.enter_context(clients(number)) for number in (1, MANY)}
        others = {number: entered.enter_context(peers(number)) for number in (1, MANY)}
        shares = _checked(closure, ours[1], others[1])
        contenders = {(each.name, 1): each for each in (closure, folding())}
        for number in (1, MANY):
            contenders |= {(each.name, number): each for each in (*ours[number], *others[number])}
        turns = (by_hand_in_turn(MANY), entered.enter_context(in_turn(MANY)))
        contenders |= {(each.name, MANY): each for each in turns}
        timings = _timed(contenders, rounds=asked.rounds)
    report = Report(
        name="flags",
        machine=machine(),
        versions=versions(VERSIONS),
        rounds=asked.rounds,
        results={
            "shares": shares,
            "microseconds": {
                f"{name}, {number} flags": {"best": timing.best_ms * 1e3, "median": timing.median_ms * 1e3}
                for (name, number), timing in timings.items()
            },
        },
        bars=_bars(timings, closure.name),
    )
    print(report.as_json() if asked.json else _text(report, timings, closure.name))
    return 0 if all(bar.holds for bar in report.bars) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flags", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of all contenders (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _checked(closure: Contender, ours: Sequence[Contender], others: Sequence[Contender]) -> dict[str, float]:
    """The share of the keys that are on, by contender.

    Raises:
        AssertionError: Ours answers otherwise than the closure, or somebody's share is not the flag's.
    """
    expected = _answers(closure)
    for each in ours:
        assert _answers(each) == expected, f"{each.name} answers otherwise than the closure"
    shares = {each.name: sum(_answers(each)) / len(KEYS) for each in (closure, *others)}
    for name, share in shares.items():
        assert abs(share - PERCENTAGE / 100) < TOLERANCE, f"{name} is on for {share:.1%}"
    return shares


def _answers(contender: Contender) -> list[bool]:
    name = flag_names(1)[0]
    return [contender.is_on(name, context) for context in contender.contexts]


def _timed(contenders: Mapping[tuple[str, int], Contender], *, rounds: int) -> dict[tuple[str, int], Timing]:
    """The time of one call, of this thread's processor: on a busy machine nobody pays for the others."""
    keys = {f"{name}|{number}": (name, number) for name, number in contenders}
    runs = {label: contenders[key].run(flag_names(key[1])[key[1] // 2]) for label, key in keys.items()}
    timings = timed(runs, rounds=rounds, clock=time.thread_time)
    return {keys[label]: timing.times(1 / contenders[keys[label]].calls) for label, timing in timings.items()}


def _bars(timings: Mapping[tuple[str, int], Timing], closure: str) -> tuple[Bar, ...]:
    floor = timings[closure, 1].median_ms
    limits = {"is_enabled": 3, "evaluate": 6, "switch": 6}
    medians = {key: timing.median_ms for key, timing in timings.items()}
    within = [
        Bar.at_most(f"{name}{suffix}, of the closure", medians[name + suffix, 1] / floor, limit=limit, unit="times")
        for name, limit in limits.items()
        for suffix in ("", LIVE)
    ]
    faster = [
        Bar.at_least(
            f"is_enabled faster than {peer}, {number} flags",
            medians[peer, number] / medians["is_enabled", number],
            limit=limit,
            unit="times",
        )
        for peer, limit in {OPENFEATURE: 20, LAUNCHDARKLY: 25, UNLEASH: 25}.items()
        for number in (1, MANY)
    ]
    flat = [
        Bar.at_most(
            f"{name}{suffix}, {MANY} flags of 1",
            medians[name + suffix, MANY] / medians[name + suffix, 1],
            limit=1.5,
            unit="times",
        )
        for name in limits
        for suffix in ("", LIVE)
    ]
    return (*within, *faster, *flat)


def _text(report: Report, timings: Mapping[tuple[str, int], Timing], closure: str) -> str:
    floor = timings[closure, 1].median_ms
    columns = ["best", "median", "x closure"]
    head = ["microseconds a call", *columns, f"of {MANY}: best", *columns[1:]]
    names = dict.fromkeys(name for name, _ in timings)
    rows = [[name, *_cells(timings.get((name, 1)), floor), *_cells(timings.get((name, MANY)), floor)] for name in names]
    first = f"{len(KEYS)} keys, {report.rounds} rounds. {report.machine}"
    return "\n\n".join([first, str(dict(report.versions)), table(head, rows), report.bars_text()])


def _cells(timing: Timing | None, floor: float) -> list[str]:
    if timing is None:
        return ["-", "-", "-"]
    best, median = timing.best_ms, timing.median_ms
    return [f"{best * 1e3:.2f}", f"{median * 1e3:.2f}", f"{median / floor:.1f}"]


if __name__ == "__main__":
    sys.exit(main())
