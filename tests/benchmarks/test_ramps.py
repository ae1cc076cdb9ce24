"""The small, seeded part of benchmarks.peeking."""

from math import sqrt

import numpy as np
import pytest

from benchmarks.ramps.judging import Truth
from benchmarks.ramps.results import Played, bars, limit_rollbacks, play
from benchmarks.ramps.scenarios import ALL
from benchmarks.ramps.schedule import RAMP, Schedule
from benchmarks.ramps.scores import Score, cumulative

RUNS = 300
ALLOWED = 0.05 + 2 * sqrt(0.05 * 0.95 / RUNS)
SCENARIOS = {scenario.name: scenario for scenario in ALL}
RATES = ["flat 0.5 %", "rising 0.5 to 1 %", "falling 1 to 0.5 %", "rare 0.05 %", "0.5 %, x1.5 (the margin)"]


def played(name: str, runs: int = RUNS) -> Played:
    return play(SCENARIOS[name], runs=runs, seed=1)


@pytest.mark.parametrize("name", RATES)
def test_ours_raises_no_more_false_alarms_than_promised_on_rates(name: str) -> None:
    scores = played(name).scores
    assert max(score.share for judge, score in scores.items() if judge.startswith("crossfade")) <= ALLOWED


@pytest.mark.parametrize(("name", "runs"), [("latency, 100 a look", 100), ("users 5 %", 100)])
def test_ours_raises_no_more_false_alarms_than_promised_on_means(name: str, runs: int) -> None:
    scores = played(name, runs).scores
    assert max(score.share for judge, score in scores.items() if judge.startswith("crossfade")) <= ALLOWED


@pytest.mark.parametrize("name", ["rising 0.5 to 1 %", "falling 1 to 0.5 %"])
def test_the_simulation_can_tell_a_pooled_test_under_drift(name: str) -> None:
    assert played(name).scores["pooled z"].share > 0.5


def test_three_times_the_errors_are_found_in_almost_every_ramp() -> None:
    scores = played("0.5 %, x3").scores
    assert min(scores["crossfade harm"].share, scores["crossfade gate"].share) >= 0.9


def test_a_late_regression_is_found_by_the_detector_and_missed_by_cumulative_evidence() -> None:
    scores = played("bake, x2 since look 80").scores
    assert scores["crossfade detector"].share > 0.7
    assert scores["crossfade harm"].share < 0.4


def test_a_fixed_limit_rolls_back_healthy_ramps_without_the_bound_only() -> None:
    by_rate = limit_rollbacks(runs=RUNS, seed=1)
    assert by_rate[0.005]["plain rule"].share > 0.3
    assert by_rate[0.005]["exact bound"].share == 0
    assert by_rate[0.03]["exact bound"].share == 1


def test_a_seed_gives_the_same_alarms() -> None:
    assert played("rare 0.05 %", 20).scores == played("rare 0.05 %", 20).scores


def test_a_ramp_has_its_steps_one_after_the_other() -> None:
    assert [int((RAMP.steps == step).sum()) for step in range(4)] == [25, 25, 25, 25]
    assert [look for look in range(100) if RAMP.starts(look)] == [0, 25, 50, 75]
    assert Schedule(percentages=(1, 50), looks=4).shares.tolist() == [0.01, 0.01, 0.5, 0.5]


def test_a_run_counts_with_its_first_alarm() -> None:
    alarms = np.array([[False, False], [True, False], [False, False], [True, False]])
    score = Score.of(alarms)
    assert (score.share, score.median_look) == (0.5, 2)
    assert cumulative(alarms).tolist() == [0, 0.5, 0.5, 0.5]


def test_a_wrong_call_of_any_of_our_judges_misses_the_bar() -> None:
    scores = {"crossfade harm": Score(0.0, 0.0, None), "crossfade gate": Score(0.2, 0.02, 40.0)}
    healthy = Played(SCENARIOS["flat 0.5 %"], scores, {})
    found = {"crossfade harm": Score(1.0, 0.0, 30.0), "crossfade gate": Score(0.8, 0.0, 30.0)}
    beside = {"stratified score": Score(0.5, 0.0, 70.0), "stratified score, two-sided": Score(0.4, 0.0, 70.0)}
    harmful = Played(SCENARIOS["0.5 %, x3"], found, {})
    falling = Played(SCENARIOS["falling 1 to 0.5 %, +30 %"], {**found, **beside}, {})
    given = {each.scenario.name: each for each in (healthy, harmful, falling)}
    assert [bar.holds for bar in bars(given, runs=1000)] == [False, False, True, True]
    assert {each.scenario.truth for each in given.values()} == {Truth.HEALTHY, Truth.HARMFUL}
