from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from crossfade.flags import AttributeCondition, Conditions
from crossfade.plan import load
from crossfade.plan.resolved import (
    Approval,
    FlagPlan,
    GateCheck,
    Judging,
    OnComponentRollback,
    Policy,
    RollbackPlan,
    Step,
    Threshold,
    ValidationPlan,
)
from crossfade.plan.thresholds import DEFAULT_GUARDRAILS
from crossfade.states import Severity
from tests.crossfade.plan.texts import component, loaded

EXAMPLE = Path(__file__).parents[2] / "data" / "plan.example.yaml"
RELEASE = Approval(name="release", reason_required=True)


def test_a_plan_is_its_document_with_every_value_in_its_final_type() -> None:
    plan = loaded()

    assert (plan.name, plan.owner, plan.environment) == ("small", "team", "production")
    assert plan.policy == Policy(max_components_ramping=2, on_component_rollback=OnComponentRollback.PAUSE_PHASE)
    assert [(phase.name, phase.depends_on) for phase in plan.phases] == [("first", ()), ("second", ("first",))]
    assert plan.phases[0].gate == (GateCheck(name="api", target="app-selfcheck"),)
    assert plan.phases[1].gate == ()


def test_a_component_inherits_everything_from_defaults_and_templates() -> None:
    beta = component("beta")

    assert beta.depends_on == ("alpha",)
    assert beta.flag == FlagPlan(targeting_key="userId", conditions=Conditions(environment="production"))
    assert beta.steps == (
        Step(percentage=Decimal(1), hold=timedelta(minutes=1), validate=("same",)),
        Step(percentage=Decimal(50), hold=timedelta(hours=1), min_sample=500, validate=("same",)),
        Step(percentage=Decimal(100), validate=("same",), approval=RELEASE),
    )
    assert beta.judging == Judging(required="auto", no_data="hold", no_data_grace=timedelta(minutes=15))
    assert beta.validations == (ValidationPlan(name="same", sample=3000, max_mismatch=0.001),)
    assert beta.rollback == RollbackPlan(steps=("disable_flag", "restore_configuration", "notify"))
    assert beta.bake == timedelta(hours=24)


def test_thresholds_have_values_in_the_metrics_own_unit() -> None:
    guardrail, latency, slower = component("alpha").thresholds

    assert guardrail == Threshold(
        name="errors", metric="errorRate", operator=">", value=0.01,
        role="guardrail", action="rollback", severity=Severity.CRITICAL,
    )  # fmt: skip
    assert (latency.value, latency.unit) == (500.0, "ms")
    assert slower == Threshold(
        name="slower", metric="responseTime.p95", operator=">", value=0.1, relative=True, unit="ms",
        role="observe", action="alert", severity=Severity.MEDIUM, initial_delay=timedelta(minutes=2),
    )  # fmt: skip


def test_a_plan_without_metrics_has_the_four_default_guardrails() -> None:
    alpha = component("alpha", ("template: golden, ", ""))

    assert alpha.thresholds == DEFAULT_GUARDRAILS
    assert [(one.metric, one.operator, one.value, one.action) for one in alpha.thresholds] == [
        ("errorRate", ">", 0.01, "rollback"),
        ("responseTime.p95", ">", 500, "rollback"),
        ("memoryUsage", ">", 0.9, "rollback"),
        ("connectionDropRate", ">", 0.01, "rollback"),
    ]


def test_the_short_form_of_a_ramp_shares_its_gates_and_asks_for_approval_before_the_last_step() -> None:
    gamma = component(
        "gamma",
        (
            "name: gamma",
            (
                "name: gamma\n        ramp: {percentages: [0.5, 10, 100], hold: 1h, minSample: 7, validate: [same], "
                "approval: release}"
            ),
        ),
    )

    first = Step(percentage=Decimal("0.5"), hold=timedelta(hours=1), min_sample=7, validate=("same",))
    assert gamma.steps == (
        first,
        replace(first, percentage=Decimal(10)),
        replace(first, percentage=Decimal(100), approval=RELEASE),
    )


def test_the_users_shape_of_a_rollback_threshold_is_accepted() -> None:
    gamma = component(
        "gamma",
        (
            "name: gamma",
            (
                "name: gamma\n        thresholds:\n          metrics:\n            - {component: gamma, "
                "metric: errorRate, threshold: 0.01, operator: '>', windowMinutes: 5, enabled: true}"
            ),
        ),
    )

    assert gamma.thresholds[-1] == Threshold(
        name="errorRate", metric="errorRate", operator=">", value=0.01, window=timedelta(minutes=5),
        role="guardrail", action="rollback", severity=Severity.CRITICAL,
    )  # fmt: skip


def test_the_users_shape_of_an_alert_threshold_is_accepted() -> None:
    gamma = component(
        "gamma",
        (
            "name: gamma",
            (
                "name: gamma\n        thresholds:\n          metrics:\n            - {metric: responseTime.p95, "
                "operator: '>', value: 500, severity: high, action: alert}"
            ),
        ),
    )

    alert = gamma.thresholds[-1]
    assert (alert.metric, alert.operator, alert.value) == ("responseTime.p95", ">", 500)
    assert (alert.severity, alert.role, alert.action) == (Severity.HIGH, "observe", "alert")


def test_conditions_with_operators_are_those_of_the_flag() -> None:
    alpha = component(
        "alpha",
        (
            "environment: production}}",
            (
                "userGroups: [beta-testers], attributes: {country: {op: in, values: [DE, AT]}, "
                "version: {op: semver_gte, values: [2.1.0]}, age: {op: gt, values: [17.5]}, plan: {op: exists}}}}"
            ),
        ),
    )

    assert alpha.flag.conditions == Conditions(
        user_groups=("beta-testers",),
        attributes={
            "country": AttributeCondition("in", ("DE", "AT")),
            "version": AttributeCondition("semver_gte", ("2.1.0",)),
            "age": AttributeCondition("gt", (17.5,)),
            "plan": AttributeCondition("exists", ()),
        },
    )


def test_percentages_are_exact_decimals_whatever_floats_would_make_of_them() -> None:
    steps = component("alpha", ("percentage: 1,", "percentage: 0.3,")).steps

    assert steps[0].percentage == Decimal("0.3")


def test_the_example_of_the_documentation_loads() -> None:
    names = {"PROMETHEUS_URL": "http://p:9090", "CHAT_WEBHOOK": "https://c/x", "ONCALL_WEBHOOK": "https://o/y"}
    plan = load(EXAMPLE.read_bytes(), environ=names, file="plan.example.yaml")

    assert [len(phase.components) for phase in plan.phases] == [3, 3]
    service = plan.phases[0].components[2]
    assert [(one.name, one.value, one.role) for one in service.thresholds] == [
        ("error-rate", 0.01, "guardrail"),
        ("latency-p95", 800.0, "guardrail"),
        ("memory", 0.9, "observe"),
        ("connection-drops", 0.01, "guardrail"),
        ("latency-vs-legacy", 0.1, "signal"),
    ]


@pytest.mark.parametrize(("first", "warned"), [("1", False), ("0.001", False), ("1.001", True), ("5", True)])
def test_a_first_step_above_1_percent_is_warned_about(first: str, warned: bool) -> None:
    warnings = loaded(("percentage: 1,", f"percentage: {first},")).warnings

    expected = f"line 12: templates.ramps.standard[0].percentage: begins at {first} %; start with 1 % or less"
    assert warnings == ((expected,) if warned else ())


def test_a_rise_without_validation_is_warned_about() -> None:
    plan = loaded(("minSample: 500, validate: [same]", "minSample: 500"))

    assert plan.warnings == tuple(
        f"line {line}: {field}: rises to 50 % without validation"
        for line, field in (
            (33, "phases[0].components[0]"),
            (34, "phases[0].components[1]"),
            (39, "phases[1].components[0]"),
        )
    )


def test_a_template_may_name_a_validation_that_a_component_lacks_and_is_warned_about() -> None:
    own = "validation: {same: {type: shadow-compare, sample: 60, maxMismatch: 5%}}"
    plan = loaded(
        ("  validation: {same: {type: shadow-compare, sample: 3000, maxMismatch: 0.1%}}\n", ""),
        ("{name: beta,", f"{{name: beta, {own},"),
        ("name: gamma", f"name: gamma\n        {own}"),
    )

    assert plan.warnings == (
        (
            "line 32: phases[0].components[0]: rises to 50 %, 100 % without validation; "
            "its ramp names same, which it does not define"
        ),
    )
    assert [step.validate for step in plan.phases[0].components[0].steps] == [(), (), ()]


def test_a_component_without_guardrail_is_warned_about() -> None:
    quiet = "thresholds: {metrics: [{name: errors, role: observe}, {name: latency, role: observe}]}"
    plan = loaded(("name: gamma", f"name: gamma\n        {quiet}"))

    assert plan.warnings == (
        "line 39: phases[1].components[0]: has no guardrail; nothing takes it back by itself when it hurts",
    )


def test_a_group_that_does_not_complete_is_warned_about() -> None:
    conditions = ("name: gamma", "name: gamma\n        flag: {conditions: {userGroups: [beta]}}")

    assert "does not complete without allowConditional: true" in loaded(conditions).warnings[0]
    allowed = ("name: gamma", "name: gamma\n        flag: {allowConditional: true, conditions: {userGroups: [beta]}}")
    assert loaded(allowed).warnings == ()
