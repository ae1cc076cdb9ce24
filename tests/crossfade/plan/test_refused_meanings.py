"""Plans whose parts are well formed and do not fit together: exactly one problem, where it stands."""

import pytest

from crossfade.plan.findings import MOST_PROBLEMS
from tests.crossfade.plan.texts import BASE, edited, problems

STANDARD = "templates.ramps.standard"
GOLDEN = "templates.thresholds.golden"
ALPHA = "phases[0].components[0]"
BETA = "phases[0].components[1]"
GAMMA = "phases[1].components[0]"
GAMMA_RAMP = "name: gamma\n        ramp: "
GAMMA_METRIC = "name: gamma\n        thresholds: {metrics: [{"

# what stood there, what stands there now, line, field, message
REFUSED = [
    # names
    ("name: second", "name: first", 36, "phases[1].name", "the same phase as in line 31"),
    ("name: gamma", "name: alpha", 39, f"{GAMMA}.name", "the same component as in line 33"),
    ("{name: latency,", "{name: errors,", 18, f"{GOLDEN}[1].name", "the same metric as in line 17"),
    ("[disable_flag, restore", "[disable_flag, notify, restore", 27, "defaults.rollback.steps[3]", "the same entry"),
    ("dependsOn: [first]", "dependsOn: [fisrt]", 37, "phases[1].dependsOn[0]", "did you mean first?"),
    ("dependsOn: [first]", "dependsOn: [third]", 37, "phases[1].dependsOn[0]", "known are: first, second"),
    ("dependsOn: [first]", "dependsOn: [first, first]", 37, "phases[1].dependsOn[1]", "the same entry as in line 37"),
    ("dependsOn: [first]", "dependsOn: [second]", 37, "phases[1].dependsOn", "a circle: second needs second"),
    ("name: first\n", "name: first\n    dependsOn: [second]\n", 32, "phases[0].dependsOn",
     "a circle: first needs second needs first"),
    ("dependsOn: [alpha]", "dependsOn: [beta]", 34, f"{BETA}.dependsOn", "a circle: beta needs beta"),
    ("name: alpha", "name: alpha\n        dependsOn: [beta]", 34, f"{ALPHA}.dependsOn", "a circle: alpha needs beta"),
    ("dependsOn: [alpha]", "dependsOn: [gamma]", 34, f"{BETA}.dependsOn[0]", "is in the phase second"),
    ("dependsOn: [alpha]", "dependsOn: [delta]", 34, f"{BETA}.dependsOn[0]", "unknown component"),
    ("template: standard", "template: standrad", 24, "defaults.ramp.template", "did you mean standard?"),
    ("template: golden", "template: silver", 25, "defaults.thresholds.template", "unknown thresholds template"),
    ("approval: release", "approval: relaese", 14, f"{STANDARD}[2].approval", "did you mean release?"),
    ("{name: errors,", "{name: errors, source: prom,", 17, f"{GOLDEN}[0].source", "unknown source; known are: app"),
    ("policy:", "escalation: [{severity: [high], after: 5m, notify: [phone]}]\npolicy:", 29,
     "escalation[0].notify[0]", "unknown channel; known are: chat"),
    ("hold: 1m, validate: [same]", "hold: 1m, validate: [smae]", 12, f"{STANDARD}[0].validate[0]", "did you mean"),
    ("hold: 1m, validate: [same]", "hold: 1m, validate: [same, same]", 12, f"{STANDARD}[0].validate[1]", "the same"),
    ("target: app-selfcheck}", "target: a}, {name: api, type: http, target: b}", 35, "phases[0].gate.validate[1].name",
     "the same check"),
    ("target: app-selfcheck}", "target: a, timeout: 6m}", 35, "phases[0].gate.validate[0].timeout", "longer than 5m"),
    ("app: {type: events}", "app: {type: prometheus, url: http://p}", 6, "sources.app", "what the SDK reports"),
    ("app: {type: events}", "events: {type: events}", 5, "sources", "the source app is what the SDK reports"),
    ("app: {type: events}", "app: {type: events, url: http://p}", 6, "sources.app.url", "goes with prometheus"),
    ("app: {type: events}", "app: {type: events}\n  prom: {type: prometheus}", 7, "sources.prom.url", "is required"),
    # ramps
    ("percentage: 50", "percentage: 0.5", 13, f"{STANDARD}[1].percentage", "must be higher than the step before"),
    ("percentage: 50", "percentage: 1.000", 13, f"{STANDARD}[1].percentage", "must be higher than the step before"),
    ("percentage: 100", "percentage: 99.999", 14, f"{STANDARD}[2].percentage", "the last step must be 100"),
    ("ramp: {template: standard}", "ramp: {hold: 1h}", 24, "defaults.ramp", "write one of template, steps or"),
    ("ramp: {template: standard}", "ramp: {template: standard, percentages: [100]}", 24, "defaults.ramp.percentages",
     "beside template"),
    ("ramp: {template: standard}", "ramp: {template: standard, hold: 1h}", 24, "defaults.ramp.hold", "goes with perc"),
    ("name: gamma", GAMMA_RAMP + "{percentages: [1, 10, 5, 100], hold: 1h}", 40, f"{GAMMA}.ramp.percentages[2]",
     "must be higher than the step before"),
    ("name: gamma", GAMMA_RAMP + "{percentages: [1, 10]}", 40, f"{GAMMA}.ramp.percentages[1]", "add a step of 100"),
    # thresholds
    ("max: 1%,", "", 17, f"{GOLDEN}[0].max", "is required; write one bound"),
    ("max: 1%,", "max: 1%, min: 0.5%,", 17, f"{GOLDEN}[0].min", "the bound is given twice"),
    ("max: 1%,", "max: 1%, operator: '>',", 17, f"{GOLDEN}[0].operator", "max says it already"),
    ("max: 1%,", "threshold: 0.01,", 17, f"{GOLDEN}[0].operator", "is required beside threshold"),
    ("max: 1%,", "max: 5,", 17, f"{GOLDEN}[0].max", "write a percent such as 1%"),
    ("max: 1%,", "max: 100%,", 17, f"{GOLDEN}[0].max", "never above 100%"),
    ("max: 1%,", "max: +1%,", 17, f"{GOLDEN}[0].max", "a signed change needs compare: legacy"),
    ("max: 1%,", "max: -0.01,", 17, f"{GOLDEN}[0].max", "must not be negative"),
    ("max: 1%,", "max: 1%, unit: ms,", 17, f"{GOLDEN}[0].max", "a part of the whole has no unit"),
    ("max: 500,", "max: 5%,", 18, f"{GOLDEN}[1].max", "a time is a number of ms"),
    ("max: 500,", "max: 0,", 18, f"{GOLDEN}[1].max", "must be more than 0 ms"),
    ("max: +10%,", "max: 10%,", 19, f"{GOLDEN}[2].max", "write a signed change such as +10%"),
    ("max: +10%,", "max: 500,", 19, f"{GOLDEN}[2].max", "write a signed change such as +10%"),
    ("max: +10%,", "max: +10%, unit: ms,", 19, f"{GOLDEN}[2].max", "a change has no unit"),
    ("max: +10%,", "min: -100%,", 19, f"{GOLDEN}[2].min", "a change is more than -100%"),
    ("metric: errorRate, ", "", 17, f"{GOLDEN}[0].metric", "is required"),
    ("metric: errorRate,", "metric: erorRate,", 17, f"{GOLDEN}[0].metric", "cannot be a guardrail yet"),
    ("max: 1%,", "max: 1%, initialDelay: 1m,", 17, f"{GOLDEN}[0].initialDelay", "a guardrail is never blind"),
    ("role: observe, initialDelay: 2m", "role: guardrail", 19, f"{GOLDEN}[2].compare", "cannot be a guardrail yet"),
    ("role: observe, ", "", 19, f"{GOLDEN}[2].action", "is required: rollback or alert"),
    ("role: observe", "role: observe, action: rollback", 19, f"{GOLDEN}[2].action", "the role observe goes with"),
    ("compare: legacy, max: +10%", "max: 700", 19, f"{GOLDEN}[2].initialDelay", "only for signals and comparisons"),
    ("window: 5m, action: rollback}\n      - {name: lat", "window: 25h, action: rollback}\n      - {name: lat", 17,
     f"{GOLDEN}[0].window", "longer than 1d"),
    ("window: 5m, action: rollback}\n      - {name: lat",
     "window: 5m, windowMinutes: 5, action: rollback}\n      - {name: lat", 17, f"{GOLDEN}[0].windowMinutes", "twice"),
    ("name: gamma", GAMMA_METRIC + "metric: errorRate, component: beta, max: 2%, action: alert}]}", 40,
     f"{GAMMA}.thresholds.metrics[0].component", "is another component"),
    ("required: auto", "required: [errorRate, conversion]", 25, "defaults.thresholds.required[1]", "cannot be"),
    # flags, validations, rollback
    ("environment: production}}", "environment: staging}}", 23, "defaults.flag.conditions.environment",
     "is not the environment of this plan"),
    ("environment: production}}", "attributes: {age: {op: gt, values: [old]}}}}", 23,
     "defaults.flag.conditions.attributes.age", "do not go with the operator gt"),
    ("environment: production}}", "attributes: {version: {op: semver_gte, values: [two]}}}}", 23,
     "defaults.flag.conditions.attributes.version", "do not go with the operator semver_gte"),
    ("environment: production}}", "attributes: {version: {op: eq}}}}", 23,
     "defaults.flag.conditions.attributes.version", "do not go with the operator eq"),
    ("sample: 3000", "sample: 2994", 26, "defaults.validation.same.sample", "write at least 2995"),
    ("maxMismatch: 0.1%", "maxMismatch: 0.1%, confidence: 0.99", 26, "defaults.validation.same.sample", "least 4603"),
    ("sample: 3000, ", "", 26, "defaults.validation.same.sample", "is required"),
    ("type: shadow-compare, ", "", 26, "defaults.validation.same.type", "is required"),
    ("[disable_flag, restore_configuration", "[restore_configuration, disable_flag", 27, "defaults.rollback.steps[1]",
     "move it to the front"),
    ("policy:", "calendar: {allow: [{days: [mon], from: '09:00', to: '09:00'}]}\npolicy:", 29, "calendar.allow[0].to",
     "ends when it begins"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "field", "says"), REFUSED)
def test_parts_that_do_not_fit_are_refused_where_they_stand(
    old: str, new: str, line: int, field: str, says: str
) -> None:
    found = problems(edited((old, new)))

    assert [(problem.line, problem.field) for problem in found] == [(line, field)]
    assert says in found[0].message


def test_a_component_without_a_ramp_is_refused() -> None:
    found = problems(edited(("  ramp: {template: standard}\n", "")))

    assert {problem.field for problem in found} == {f"{ALPHA}.ramp", f"{BETA}.ramp", f"{GAMMA}.ramp"}


def test_a_component_must_define_the_validations_of_its_own_steps() -> None:
    found = problems(
        edited(
            ("  validation: {same: {type: shadow-compare, sample: 3000, maxMismatch: 0.1%}}\n", ""),
            ("{name: beta,", "{name: beta, validation: {same: {type: shadow-compare, sample: 60, maxMismatch: 5%}},"),
            ("name: gamma", GAMMA_RAMP + "{percentages: [1, 100], validate: [same]}"),
        )
    )

    assert [(problem.line, problem.field) for problem in found] == [(39, f"{GAMMA}.ramp.validate[0]")]


def test_what_is_wrong_with_names_is_told_beside_what_is_wrong_with_values() -> None:
    found = problems(edited(("dependsOn: [first]", "dependsOn: [third]"), ("bake: 24h", "bake: soon")))

    assert [problem.field for problem in found] == ["defaults.bake", "phases[1].dependsOn[0]"]


def test_a_mistake_in_one_component_does_not_hide_that_of_another() -> None:
    found = problems(
        edited(
            ("name: alpha", "name: alpha\n        bake: soon"),
            ("name: gamma", GAMMA_RAMP + "{percentages: [1, 10]}"),
        )
    )

    assert [problem.field for problem in found] == [f"{ALPHA}.bake", f"{GAMMA}.ramp.percentages[1]"]


def test_a_mistake_in_a_template_is_told_once_for_all_that_inherit_it() -> None:
    assert len(problems(edited(("percentage: 50", "percentage: 0.5")))) == 1


def test_a_long_circle_is_shown_by_its_ends() -> None:
    chain = "".join(f"      - {{name: c{index}, dependsOn: [c{(index + 1) % 50}]}}\n" for index in range(50))
    (problem,) = problems(BASE + chain)

    assert problem.message.startswith("a circle: c0 needs c1 needs")
    assert len(problem.message) < 150


def test_many_unknown_names_are_told_up_to_a_number_that_can_be_read() -> None:
    chain = "".join(f"      - {{name: c{index}, dependsOn: [d{index}]}}\n" for index in range(500))

    assert len(problems(BASE + chain)) == MOST_PROBLEMS
