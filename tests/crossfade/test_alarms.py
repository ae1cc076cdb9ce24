from datetime import timedelta

import pytest

from crossfade import alarms
from crossfade.plan.resolved import Judging
from crossfade.states import Severity
from tests.judging import NOW, alert, guardrail, measured, read, subject, window

BAD = window(300, requests=200, errors=30)


def rules(*thresholds: object, judging: Judging | None = None, silent: bool = False, after: int = 0) -> list[str]:
    judging = judging or Judging()
    watched = subject(*thresholds, judging=judging)  # type: ignore[arg-type] # thresholds of the builders
    reading = read(watched, measured(BAD, fresh=not silent))
    return [alarm.rule for alarm in alarms.wanted(reading, judging, now=NOW + timedelta(minutes=after))]


def test_each_threshold_that_fails_is_an_alert() -> None:
    assert rules(guardrail(name="a"), alert(name="b"), alert(name="c", value=0.9)) == ["a", "b"]


@pytest.mark.parametrize(("after", "expected"), [(0, []), (14, []), (15, ["no-data"]), (60, ["no-data"])])
def test_silence_is_an_alert_once_its_grace_is_over(after: int, expected: list[str]) -> None:
    assert rules(silent=True, after=after) == expected


def test_an_alert_has_the_severity_of_its_threshold() -> None:
    reading = read(subject(alert(severity=Severity.LOW)), measured(BAD))
    (alarm,) = alarms.wanted(reading, Judging(), now=NOW)
    assert alarm.severity is Severity.LOW


def test_an_alert_is_settled_when_its_threshold_is_judged_good() -> None:
    assert not alarms.is_settled("errorRate", read(subject(alert()), measured(BAD)))
    assert alarms.is_settled("errorRate", read(subject(alert()), measured()))


def test_an_alert_that_cannot_be_judged_stays_open() -> None:
    assert not alarms.is_settled("errorRate", read(subject(alert()), measured(fresh=False)))


def test_silence_is_settled_by_samples() -> None:
    assert not alarms.is_settled("no-data", read(subject(), measured(fresh=False)))
    assert alarms.is_settled("no-data", read(subject(), measured()))


def test_the_alert_of_a_guardrail_outlives_its_run_until_the_next_one() -> None:
    assert not alarms.is_over({"role": "guardrail"}, component_is_live=False)
    assert alarms.is_over({"role": "guardrail"}, component_is_live=True)
    assert alarms.is_over({"role": "observe"}, component_is_live=False)


def test_the_component_raised_last_within_the_window_is_to_blame() -> None:
    published = {"a": NOW - timedelta(minutes=4), "b": NOW - timedelta(minutes=1), "c": NOW - timedelta(hours=1)}
    assert alarms.latest_raise(published, now=NOW, window=timedelta(minutes=5)) == "b"
    assert alarms.latest_raise(published, now=NOW, window=timedelta(seconds=30)) is None
