"""What benchmarks.scale generates and how it sums up, without a stack."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.scale import bars
from benchmarks.scaling.footprint import PROC, Footprints
from benchmarks.scaling.histories import Histories
from benchmarks.scaling.journal import Fault, Move, waits
from benchmarks.scaling.latency import Latency, Spread
from benchmarks.scaling.plan import Size, holds, plan_text
from crossfade import plan as plans


@pytest.mark.parametrize(("components", "phases"), [(20, 2), (200, 10), (7, 3)])
def test_the_generated_plan_is_accepted_and_has_every_component_once(components: int, phases: int) -> None:
    size = Size(components, phases)
    plan = plans.load(plan_text(size).encode(), environ={}, file="plan")
    assert [part.name for phase in plan.phases for part in phase.components] == list(size.names)
    assert len(plan.phases) == phases


def test_phases_run_in_two_lanes() -> None:
    plan = plans.load(plan_text(Size(8, 4)).encode(), environ={}, file="plan")
    assert [phase.depends_on for phase in plan.phases] == [(), (), ("phase-01",), ("phase-02",)]


def test_holds_are_those_of_the_plan_and_the_failing_component_needs_nobody() -> None:
    size = Size(20, 2)
    plan = plans.load(plan_text(size).encode(), environ={}, file="plan")
    parts = {part.name: part for phase in plan.phases for part in phase.components}
    told = {name: tuple(step.hold.total_seconds() for step in part.steps) for name, part in parts.items()}
    assert told == holds(size)
    assert all(step.approval is None for step in parts[size.broken].steps)
    assert any(step.approval for part in parts.values() for step in part.steps)


def test_a_step_takes_what_lies_beyond_its_hold_and_an_approval_is_left_out() -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    rows = (("run.begin", 0, 0), ("run.step", 1, 1), ("run.step", 2, 4), ("approve", 2, 60), ("run.step", 3, 61))
    end = (("run.bake", 3, 65), ("run.complete", 3, 66.5))
    moved = [Move("a", action, step, began + timedelta(seconds=at)) for action, step, at in (*rows, *end)]
    assert waits(moved, {"a": (1.0, 2.0, 3.0)}, 1.0) == {
        "begun to step 1": [1.0],
        "step 1 to step 2": [2.0],
        "step 3 to bake": [1.0],
        "baking to complete": [0.5],
    }


def test_quantiles_are_by_rank_and_nothing_has_none() -> None:
    assert Spread.of([float(number) for number in range(200, 0, -1)]) == Spread(200, 101.0, 199.0, 200.0)
    assert Spread.of([]) == Spread(0, 0.0, 0.0, 0.0)


def test_a_call_that_fails_is_timed_too() -> None:
    latency = Latency()
    with pytest.raises(ValueError, match="no"), latency.timed():
        raise ValueError("no")
    assert len(latency.milliseconds) == 1


@pytest.mark.skipif(not PROC.exists(), reason="only Linux has /proc")
def test_the_footprint_of_a_process_has_memory_and_time() -> None:
    footprints = Footprints()
    footprints.sample({"me": os.getpid(), "nobody": 2**22 + 1})
    assert footprints.found.keys() == {"me"}
    assert footprints.found["me"].largest_mb > 10
    assert footprints.found["me"].cpu_seconds > 0


def test_bars_hold_for_a_completed_migration_and_are_missed_otherwise() -> None:
    short, long = Histories(1, 10_000, "a", 5, 5), Histories(1, 10_001, "a", 5, 5)
    good = bars("completed", {"Rollout": short}, Fault("a", 1.5, 3.0))
    assert [bar.holds for bar in good] == [True, True, True]
    assert [bar.holds for bar in bars("failed", {"Rollout": long}, None)] == [False, False, False]
