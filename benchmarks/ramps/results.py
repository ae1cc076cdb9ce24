"""All scenarios played, and what they say about the bars."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import sqrt

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from benchmarks.harness.report import Bar
from benchmarks.ramps.judging import Truth
from benchmarks.ramps.limits import Limit
from benchmarks.ramps.ours import ALPHA
from benchmarks.ramps.rates import ErrorRate, steady
from benchmarks.ramps.scenarios import ALL, Scenario
from benchmarks.ramps.scores import Score, cumulative

SEED = 20_240_229
_BLOCK = 500
_LIMIT_RATES = (0.002, 0.005, 0.008, 0.015, 0.03)


@dataclass(frozen=True, slots=True)
class Played:
    """One scenario, and how each judge did.

    Attributes:
        curves: For each judge, the share of runs with an alarm so far, look by look.
    """

    scenario: Scenario
    scores: Mapping[str, Score]
    curves: Mapping[str, NDArray[np.float64]]

    def as_dict(self) -> dict[str, object]:
        """For the report."""
        judges = {name: asdict(score) for name, score in self.scores.items()}
        return {"truth": str(self.scenario.truth), "judges": judges}


def play(scenario: Scenario, *, runs: int, seed: int = SEED) -> Played:
    """Play a scenario; the same runs for the same seed, however many other scenarios there are."""
    blocks = [
        scenario.alarms(default_rng([seed, *scenario.name.encode(), block]), min(_BLOCK, runs - block * _BLOCK))
        for block in range(-(-runs // _BLOCK))
    ]
    alarms = {judge: np.concatenate([block[judge] for block in blocks], axis=1) for judge in blocks[0]}
    return Played(
        scenario,
        {judge: Score.of(each) for judge, each in alarms.items()},
        {judge: cumulative(each) for judge, each in alarms.items()},
    )


def play_all(*, runs: int, tell: Callable[[str], None]) -> dict[str, Played]:
    """All scenarios by name; each name is told before it is played."""
    played = {}
    for scenario in ALL:
        tell(scenario.name)
        played[scenario.name] = play(scenario, runs=runs)
    return played


def limit_rollbacks(*, runs: int, seed: int = SEED) -> dict[float, dict[str, Score]]:
    """How many ramps a limit of 1 % rolls back, by candidate's true error rate: the plain rule and the bound."""
    limit = Limit()
    rolled_back = {}
    for rate in _LIMIT_RATES:
        candidate = ErrorRate(steady(rate)).observed(default_rng([seed, int(rate * 1e6)]), runs).candidate
        plain, exact = limit.plain(candidate), limit.exact(candidate)
        rolled_back[rate] = {"plain rule": Score.of(plain), "exact bound": Score.of(exact)}
    return rolled_back


def bars(played: Mapping[str, Played], *, runs: int) -> tuple[Bar, ...]:
    """The promises, and whether they hold."""
    allowed = ALPHA + 2 * sqrt(ALPHA * (1 - ALPHA) / runs)
    wrong = [each for each in played.values() if each.scenario.truth is not Truth.HARMFUL]
    return (
        *(_false_alarms(each, allowed) for each in wrong),
        _power("harm x3 at 0.5 % found", played["0.5 %, x3"].scores, limit=0.9),
        *_falling(played["falling 1 to 0.5 %, +30 %"].scores),
    )


def _false_alarms(played: Played, allowed: float) -> Bar:
    worst = max(score.share for judge, score in played.scores.items() if judge.startswith("crossfade"))
    wrong = "false alarms" if played.scenario.truth is Truth.HEALTHY else "wrongly called safe"
    return Bar.at_most(f"{wrong}, {played.scenario.name}", worst, limit=allowed, unit="of the ramps")


def _power(name: str, scores: Mapping[str, Score], *, limit: float) -> Bar:
    worst = min(score.share for judge, score in scores.items() if judge.startswith("crossfade"))
    return Bar.at_least(name, worst, limit=limit, unit="of the ramps")


def _falling(scores: Mapping[str, Score]) -> tuple[Bar, ...]:
    """As often as the stratified score of the same ramps."""
    ours, name = scores["crossfade harm"].share, "baseline falling, +30 % found"
    return tuple(
        Bar.at_least(f"{name}, beside the score ({sides})", ours, limit=scores[score].share, unit="of the ramps")
        for sides, score in (("one-sided", "stratified score"), ("two-sided", "stratified score, two-sided"))
    )
