"""Defaults, then the template, then the component; metrics and checks by name, lists of steps as a whole."""

from datetime import timedelta
from decimal import Decimal

from tests.crossfade.plan.texts import component


def gamma(extra: str) -> tuple[str, str]:
    return ("name: gamma", f"name: gamma\n        {extra}")


def test_a_metric_of_the_same_name_changes_only_what_it_names() -> None:
    before = component("gamma").thresholds
    after = component("gamma", gamma("thresholds: {metrics: [{name: latency, max: 800}]}")).thresholds

    assert [one.name for one in after] == ["errors", "latency", "slower"]
    assert (after[0], after[2]) == (before[0], before[2])
    assert (after[1].value, after[1].window, after[1].role) == (800, before[1].window, "guardrail")


def test_a_metric_of_a_new_name_is_added() -> None:
    after = component(
        "gamma", gamma("thresholds: {metrics: [{name: memory, metric: memoryUsage, max: 90%, role: observe}]}")
    )

    assert [one.name for one in after.thresholds] == ["errors", "latency", "slower", "memory"]


def test_a_later_role_replaces_the_inherited_action() -> None:
    errors = component("gamma", gamma("thresholds: {metrics: [{name: errors, role: observe}]}")).thresholds[0]

    assert (errors.role, errors.action, errors.value) == ("observe", "alert", 0.01)


def test_a_later_action_replaces_the_inherited_role() -> None:
    metric = "{name: slower, compare: legacy, action: alert, max: +50%}"
    slower = component("gamma", gamma(f"thresholds: {{metrics: [{metric}]}}")).thresholds[2]

    assert (slower.role, slower.action, slower.value) == ("observe", "alert", 0.5)


def test_a_later_bound_replaces_the_inherited_one_whatever_its_spelling() -> None:
    errors = component(
        "gamma", gamma("thresholds: {metrics: [{name: errors, operator: '>=', value: 0.05}]}")
    ).thresholds[0]

    assert (errors.operator, errors.value) == (">=", 0.05)


def test_an_inherited_metric_can_be_switched_off() -> None:
    after = component("gamma", gamma("thresholds: {metrics: [{name: slower, enabled: false}]}"))

    assert [one.name for one in after.thresholds] == ["errors", "latency"]


def test_another_template_replaces_the_inherited_one() -> None:
    text = ("    golden:\n", "    silver:\n      - {metric: errorRate, max: 5%, action: rollback}\n    golden:\n")
    after = component("gamma", text, gamma("thresholds: {template: silver}"))

    assert [(one.name, one.value) for one in after.thresholds] == [("errorRate", 0.05)]
    assert after.judging.no_data_grace == timedelta(minutes=15)


def test_a_validation_of_the_same_name_changes_only_what_it_names() -> None:
    after = component("gamma", gamma("validation: {same: {sample: 5000, onFail: hold}, other: "
                                     "{type: shadow-compare, sample: 60, maxMismatch: 5%}}"))  # fmt: skip

    assert [(one.name, one.sample, one.max_mismatch, one.on_fail) for one in after.validations] == [
        ("same", 5000, 0.001, "hold"),
        ("other", 60, 0.05, "rollback"),
    ]


def test_the_steps_of_a_component_replace_the_inherited_ones_as_a_whole() -> None:
    after = component("gamma", gamma("ramp: {steps: [{percentage: 1, hold: 5m}, {percentage: 100, validate: [same]}]}"))

    assert [(step.percentage, step.hold, step.approval) for step in after.steps] == [
        (Decimal(1), timedelta(minutes=5), None),
        (Decimal(100), timedelta(0), None),
    ]


def test_conditions_are_added_to_inherited_ones() -> None:
    after = component("gamma", gamma("flag: {conditions: {userGroups: [beta-testers]}}"))

    assert (after.flag.conditions.environment, after.flag.conditions.user_groups) == ("production", ("beta-testers",))
    assert after.flag.targeting_key == "userId"


def test_rollback_steps_replace_and_the_rest_stays() -> None:
    after = component("gamma", gamma("rollback: {steps: [disable_flag, drain]}")).rollback

    assert (after.steps, after.cooldown, after.max_attempts) == (("disable_flag", "drain"), timedelta(hours=1), 2)


def test_zero_is_a_value_and_replaces_the_inherited_one() -> None:
    after = component("gamma", gamma("bake: 0s"), ("noDataGrace: 15m", "noDataGrace: 0s"))

    assert (after.bake, after.judging.no_data_grace) == (timedelta(0), timedelta(0))


def test_what_one_component_says_does_not_reach_another() -> None:
    assert component("alpha", gamma("bake: 1h")).bake == timedelta(hours=24)
