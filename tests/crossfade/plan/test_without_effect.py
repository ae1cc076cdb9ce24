"""What is understood and not acted on yet is said, and never relied on for safety."""

import pytest

from tests.crossfade.plan.texts import edited, loaded, problems

CHANNELS = "line 7: channels: notices are not sent yet; alerts are stored and shown"
GAMMA = ("name: gamma", "name: gamma\n        ")
PROM = (
    "app: {type: events}",
    'app: {type: events}\n  prom: {type: prometheus, url: "${PROMETHEUS_URL}", timeout: 10s}',
)

TOLD = [
    ("policy:", "escalation: [{severity: [high], after: 0m, notify: [chat], unless: acknowledged}]\npolicy:",
     "line 29: escalation: alerts are not escalated yet"),
    ("policy:", "calendar: {allow: [{days: [mon, tue], from: 09:00, to: 17:00}]}\npolicy:",
     "line 29: calendar: percentages rise at any hour"),
    ("bake: 24h", "bake: 24h\n  experiment: {metrics: [{name: conversion, direction: increase}], alpha: 0.05}",
     "line 29: defaults.experiment: experiments are not evaluated yet"),
    ("maxMismatch: 0.1%", "maxMismatch: 0.1%, comparator: {approx: {rel: 0.01}}",
     "line 26: defaults.validation.same.comparator: answers are compared by the application's own comparison only"),
    ("restore_configuration, notify", "run_hook, notify", "line 27: defaults.rollback.steps[1]: hooks are not run yet"),
    ("required: 1,", "required: 1, from: [operator],", "line 21: approvals.release.from: roles are not told apart yet"),
    ("role: observe", "role: observe, attribute: latestRaise",
     "line 19: templates.thresholds.golden[2].attribute: only a guardrail asks"),
    ("noData: hold,", "noData: hold, consecutiveErrorLimit: 4,",
     "line 25: defaults.thresholds.consecutiveErrorLimit: no source is asked yet"),
    ("noData: hold,", "noData: hold, interval: 10s,", "line 25: defaults.thresholds.interval: judged each second"),
    ("metric: responseTime.p95, compare: legacy", "metric: checkoutTime, compare: legacy",
     "line 19: templates.thresholds.golden[2].metric: this metric is not judged yet"),
    (*PROM, "line 7: sources.prom: metrics from Prometheus are not read yet"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), TOLD)
def test_what_has_no_effect_yet_is_told_once_with_its_line(old: str, new: str, told: str) -> None:
    notes = [note for note in loaded((old, new)).without_effect if "channels" not in note]

    assert len(notes) == 1
    assert notes[0].startswith(told)


def test_channels_have_no_effect_yet() -> None:
    assert loaded().without_effect == (CHANNELS,)


def test_an_interval_of_one_second_is_what_happens_anyway() -> None:
    assert loaded(("noData: hold,", "noData: hold, interval: 1s,")).without_effect == (CHANNELS,)


def test_a_guardrail_on_a_source_that_is_not_read_yet_is_refused() -> None:
    found = problems(edited(PROM, ("{name: errors,", "{name: errors, source: prom,")))

    assert [problem.field for problem in found] == ["templates.thresholds.golden[0].source"]
    assert "cannot be a guardrail yet" in found[0].message


def test_a_metric_that_is_only_observed_may_come_from_such_a_source() -> None:
    plan = loaded(PROM, ("{name: slower,", "{name: slower, source: prom,"))

    assert any("golden[2].source" in note for note in plan.without_effect)


def test_a_signal_holds_the_ramp_and_has_nothing_to_tell() -> None:
    assert loaded(("role: observe", "role: signal")).without_effect == (CHANNELS,)
