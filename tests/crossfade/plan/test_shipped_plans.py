from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from crossfade.plan import load
from crossfade.plan.resolved import ComponentPlan, Plan

PLANS = Path(__file__).parents[3] / "plans"
PHASES = ["utilities", "search", "errors", "repository", "websocket"]
COMPONENTS = [
    *("utilities-concurrency-adapter", "utilities-query-builder", "utilities-ml-service"),
    *("search-fuzzy", "search-full-text", "search-simple-matching"),
    *("errors-problem-details", "errors-result-types", "errors-middleware"),
    *("repository-direct-orm", "repository-pattern-removal", "repository-service-layer"),
    *("websocket-socketio", "websocket-provider-sdk", "websocket-connection-migration"),
]
GUARDRAILS = {"errorRate": 0.01, "responseTime.p95": 500, "memoryUsage": 0.9, "connectionDropRate": 0.01}


def shipped(name: str) -> Plan:
    path = PLANS / name
    return load(path.read_bytes(), environ={}, file=name)


def components(plan: Plan) -> Iterator[ComponentPlan]:
    return (component for phase in plan.phases for component in phase.components)


@pytest.mark.parametrize("name", ["demo.yaml", "five-phases.yaml"])
def test_a_shipped_plan_has_the_five_phases_one_after_the_other(name: str) -> None:
    plan = shipped(name)

    assert [phase.name for phase in plan.phases] == PHASES
    assert [phase.depends_on for phase in plan.phases] == [(), *((before,) for before in PHASES[:-1])]
    assert [component.name for component in components(plan)] == COMPONENTS
    for phase in plan.phases:
        assert [check.target for check in phase.gate] == ["app-selfcheck", f"app-crosscheck-{phase.name}"]


@pytest.mark.parametrize("name", ["demo.yaml", "five-phases.yaml"])
def test_a_shipped_plan_needs_no_environment_and_leaves_nothing_without_effect(name: str) -> None:
    assert shipped(name).without_effect == ()


@pytest.mark.parametrize("name", ["demo.yaml", "five-phases.yaml"])
def test_a_shipped_plan_validates_before_every_increase(name: str) -> None:
    for component in components(shipped(name)):
        assert all(step.validate == ("data-consistency",) for step in component.steps)


def test_the_demo_takes_every_component_by_10_50_and_100_percent() -> None:
    for component in components(shipped("demo.yaml")):
        assert [step.percentage for step in component.steps] == [Decimal(10), Decimal(50), Decimal(100)]
        assert {t.metric: t.value for t in component.thresholds if t.role == "guardrail"} == GUARDRAILS
        assert [t.metric for t in component.thresholds if t.relative] == ["responseTime.p95"]
        assert all(t.role == "observe" for t in component.thresholds if t.relative)


def test_the_demo_asks_for_one_approval() -> None:
    asked = [
        (component.name, step.percentage, step.approval.name)
        for component in components(shipped("demo.yaml"))
        for step in component.steps
        if step.approval
    ]

    assert asked == [("repository-direct-orm", Decimal(100), "release")]


def test_the_waits_of_the_demo_leave_room_within_four_minutes() -> None:
    plan = shipped("demo.yaml")
    assert plan.policy.max_components_ramping == max(len(phase.components) for phase in plan.phases)
    waits = [
        max(sum((step.hold for step in component.steps), component.bake) for component in phase.components)
        for phase in plan.phases
    ]

    assert sum(waits, timedelta(0)) <= timedelta(seconds=90)


def test_the_production_plan_starts_with_one_percent_and_breaks_no_best_practice() -> None:
    plan = shipped("five-phases.yaml")

    assert plan.warnings == ()
    assert all(component.steps[0].percentage == 1 for component in components(plan))
    assert all(component.steps[-1].approval for component in components(plan))
