"""Plans with one value of the wrong form: exactly one problem, with its line and field and what to do."""

import pytest

from tests.crossfade.plan.texts import BASE, edited, problems

STANDARD = "templates.ramps.standard"
GOLDEN = "templates.thresholds.golden"
SAME = "defaults.validation.same"
A_PERCENTAGE = "a percentage is a number above 0, at most 100, in steps of 0.001"
A_DURATION = "write a duration such as 500ms, 10s, 5m, 2h or 3d"
UP_TO_A_YEAR = "longer than 365d"
A_NAME = "a name has 1 to 128 characters"

# what stood there, what stands there now, line, field, message
REFUSED = [
    ("apiVersion: crossfade/v1\n", "apiVersion: crossfade/v2\n", 1, "apiVersion", "must be 'crossfade/v1'"),
    ("apiVersion: crossfade/v1\n", "", 1, "apiVersion", "is required"),
    ("kind: MigrationPlan", "kind: Rollout", 2, "kind", "must be 'MigrationPlan'"),
    ("name: small", "name: Small Plan", 3, "metadata.name", A_NAME),
    ("name: small", f"name: {'x' * 129}", 3, "metadata.name", A_NAME),
    ("name: small, ", "", 3, "metadata.name", "is required"),
    ("owner: team", "owner: 7", 3, "metadata.owner", "must be a text"),
    ("owner: team", "onwer: team", 3, "metadata.onwer", "unknown key; did you mean owner?"),
    ("metadata: {name: small, owner: team}", "metadata: small", 3, "metadata", "must be a mapping"),
    ("environment: production\n", "", 1, "environment", "is required"),
    ("environment: production\n", "environment: 1\n", 4, "environment", "must be a text"),
    ("environment: production\n", "environment: production\nphase: []\n", 5, "phase", "did you mean phases?"),
    ("type: events", "type: influx", 6, "sources.app.type", "must be 'events' or 'prometheus'"),
    ("type: webhook", "type: mail", 8, "channels.chat.type", "must be 'webhook'"),
    ('"${CHAT_WEBHOOK}"', "ftp://chat", 8, "channels.chat.url", "begins with http:// or https://"),
    ("percentage: 1,", "percentage: 0,", 12, f"{STANDARD}[0].percentage", A_PERCENTAGE),
    ("percentage: 1,", "percentage: -1,", 12, f"{STANDARD}[0].percentage", A_PERCENTAGE),
    ("percentage: 1,", "percentage: 0.0005,", 12, f"{STANDARD}[0].percentage", A_PERCENTAGE),
    ("percentage: 1,", "percentage: .nan,", 12, f"{STANDARD}[0].percentage", "must be a finite number"),
    ("percentage: 1,", "percentage: -.Inf,", 12, f"{STANDARD}[0].percentage", "must be a finite number"),
    ("percentage: 1,", "percentage: 1%,", 12, f"{STANDARD}[0].percentage", A_PERCENTAGE),
    ("percentage: 1,", "percentage: true,", 12, f"{STANDARD}[0].percentage", A_PERCENTAGE),
    ("percentage: 1,", "percentage: 0x10,", 12, f"{STANDARD}[0].percentage", A_PERCENTAGE),
    ("percentage: 1,", "percentage: 01,", 12, f"{STANDARD}[0].percentage", A_PERCENTAGE),
    ("percentage: 1,", "", 12, f"{STANDARD}[0].percentage", "is required"),
    ("percentage: 100,", "percentage: 100.001,", 14, f"{STANDARD}[2].percentage", A_PERCENTAGE),
    ("percentage: 100,", "percentage: 1e99,", 14, f"{STANDARD}[2].percentage", A_PERCENTAGE),
    ("hold: 1h", "hold: 60", 13, f"{STANDARD}[1].hold", A_DURATION),
    ("hold: 1h", "hold: -1h", 13, f"{STANDARD}[1].hold", A_DURATION),
    ("hold: 1h", "hold: 1.5h", 13, f"{STANDARD}[1].hold", A_DURATION),
    ("hold: 1h", "hold: 1w", 13, f"{STANDARD}[1].hold", A_DURATION),
    ("hold: 1h", "hold: 366d", 13, f"{STANDARD}[1].hold", UP_TO_A_YEAR),
    ("hold: 1h", "hold: 9999999999d", 13, f"{STANDARD}[1].hold", UP_TO_A_YEAR),
    ("hold: 1h", "hold: \u0661h", 13, f"{STANDARD}[1].hold", A_DURATION),
    ("minSample: 500", "minSample: 0", 13, f"{STANDARD}[1].minSample", "must be at least 1"),
    ("minSample: 500", "minSample: 5.5", 13, f"{STANDARD}[1].minSample", "must be a whole number"),
    ("minSample: 500", "minSample: 5e2", 13, f"{STANDARD}[1].minSample", "must be a whole number"),
    ("minSample: 500", "min_sample: 500", 13, f"{STANDARD}[1].min_sample", "did you mean minSample?"),
    ("max: 1%", "max: 1 %", 17, f"{GOLDEN}[0].max", "write a number, a percent such as 1%"),
    ("max: 1%", "max: 1e30", 17, f"{GOLDEN}[0].max", "write a finite number"),
    ("max: +10%", "max: +20000%", 19, f"{GOLDEN}[2].max", "more than 10000%"),
    ("window: 5m, action: rollback}\n      - {name: lat", "window: 0s, action: rollback}\n      - {name: lat", 17,
     f"{GOLDEN}[0].window", "must be longer than zero"),
    ("unit: ms", "unit: s", 18, f"{GOLDEN}[1].unit", "must be 'ms'"),
    ("role: observe", "role: watch", 19, f"{GOLDEN}[2].role", "must be 'guardrail', 'signal' or 'observe'"),
    ("compare: legacy", "compare: yesterday", 19, f"{GOLDEN}[2].compare", "must be 'legacy'"),
    ("required: 1,", "required: 0,", 21, "approvals.release.required", "must be at least 1"),
    ("reasonRequired: true", "reasonRequired: yes", 21, "approvals.release.reasonRequired", "must be true or false"),
    ("expiresAfter: 72h", "expiresAfter: 0h", 21, "approvals.release.expiresAfter", "must be longer than zero"),
    ("onExpire: hold", "onExpire: approve", 21, "approvals.release.onExpire", "must be 'hold' or 'rollback'"),
    ("targetingKey: userId", "targetingKey: ''", 23, "defaults.flag.targetingKey", "must begin with a letter"),
    ("targetingKey: userId", "rolloutPercentage: 5", 23, "defaults.flag.rolloutPercentage",
     "unknown key; the ramp sets the percentage"),
    ("required: auto", "required: 5", 25, "defaults.thresholds.required", "write auto or a list of metrics"),
    ("noData: hold", "noData: advance", 25, "defaults.thresholds.noData", "must be 'hold' or 'rollback'"),
    ("type: shadow-compare", "type: replay", 26, f"{SAME}.type", "must be 'shadow-compare'"),
    ("sample: 3000", "sample: many", 26, f"{SAME}.sample", "must be a whole number"),
    ("maxMismatch: 0.1%", "maxMismatch: 0%", 26, f"{SAME}.maxMismatch", "must be more than 0 and less than 1"),
    ("maxMismatch: 0.1%", "maxMismatch: 100%", 26, f"{SAME}.maxMismatch", "must be more than 0 and less than 1"),
    ("maxMismatch: 0.1%", "maxMismatch: -1%", 26, f"{SAME}.maxMismatch", "write a percent such as 0.1%"),
    ("maxMismatch: 0.1%", "maxMismatch: 5", 26, f"{SAME}.maxMismatch", "write a percent such as 0.1%"),
    ("restore_configuration, notify", "reboot, notify", 27, "defaults.rollback.steps[1]", "must be 'disable_flag'"),
    ("maxAttempts: 2", "maxAttempts: 0", 27, "defaults.rollback.maxAttempts", "must be at least 1"),
    ("bake: 24h", "bake: 24", 28, "defaults.bake", A_DURATION),
    ("bake: 24h", "bake: ", 28, "defaults.bake", "has no value"),
    ("pausePhase", "explode", 29, "policy.onComponentRollback", "must be 'pausePhase', 'rollBackPhase' or 'continue'"),
    ("maxComponentsRamping: 2", "maxComponentsRamping: 1.5", 29, "policy.maxComponentsRamping", "a whole number"),
    ("name: gamma\n", "bake: 1h\n", 39, "phases[1].components[0].name", "is required"),
    ("name: gamma", "name: gamma\n        percentage: 5", 40, "phases[1].components[0].percentage",
     "unknown key; the ramp sets the percentage"),
    ("type: http", "type: sql", 35, "phases[0].gate.validate[0].type", "must be 'http'"),
    ("target: app-selfcheck", "target: http://x/", 35, "phases[0].gate.validate[0].target", A_NAME),
    ("target: app-selfcheck", "target: app, expectStatus: 700", 35, "phases[0].gate.validate[0].expectStatus",
     "must be at most 599"),
    ("dependsOn: [first]", "dependsOn: first", 37, "phases[1].dependsOn", "must be a list"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "field", "says"), REFUSED)
def test_a_value_of_the_wrong_form_is_refused_where_it_stands(
    old: str, new: str, line: int, field: str, says: str
) -> None:
    found = problems(edited((old, new)))

    assert [(problem.line, problem.field) for problem in found] == [(line, field)]
    assert says in found[0].message


def test_all_problems_are_told_at_once_in_the_order_of_the_text() -> None:
    found = problems(edited(("kind: MigrationPlan", "kind: X"), ("hold: 1h", "hold: 1"), ("bake: 24h", "bake: 1")))

    assert [problem.line for problem in found] == [2, 13, 28]


@pytest.mark.parametrize(
    "written",
    ["crossfade/v1", "small", "production", "webhook", "1m", "500", "1%", "observe",
     "72h", "userId", "auto", "shadow-compare", "3000", "0.1%", "disable_flag", "24h", "pausePhase", "http"],
)  # fmt: skip
def test_no_problem_repeats_a_value(written: str) -> None:
    secret = "s3cr3t s3cr3t"
    found = problems(BASE.replace(f": {written}", f": {secret}").replace(f"[{written}", f"[{secret}"))

    assert found
    assert not any("s3cr3t" in str(problem) for problem in found)
