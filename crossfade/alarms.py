"""Which alerts a reading calls for, and which open ones it settles."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crossfade import evidence
from crossfade.freshness import is_overdue
from crossfade.plan.resolved import Judging
from crossfade.readings import Reading
from crossfade.states import Severity, Verdict


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alert that should be open; there is one for each rule, component and run."""

    rule: str
    severity: Severity
    evidence: Mapping[str, Any]


def wanted(reading: Reading, judging: Judging, *, now: datetime) -> list[Alarm]:
    """Give the alerts that a reading calls for: each threshold that fails, and silence past its grace."""
    alarms = [
        Alarm(result.name, result.severity, evidence.of_result(reading, result))
        for result in reading.results
        if result.verdict is Verdict.FAIL
    ]
    if is_overdue(reading, judging, now=now):
        alarms.append(Alarm(evidence.NO_DATA, Severity.HIGH, evidence.of_silence(reading)))
    return alarms


def is_settled(rule: str, reading: Reading) -> bool:
    """Whether an open alert's cause is gone; a rule that could not be judged settles nothing."""
    if rule == evidence.NO_DATA:
        return not reading.no_data
    result = next((result for result in reading.results if result.name == rule), None)
    return result is None or (result.verdict is not Verdict.NO_DATA and not result.is_bad)


def is_over(alarm: Mapping[str, Any], *, component_is_live: bool) -> bool:
    """Whether the alert of a run that has ended is closed by that; a guardrail's stays until the next run begins."""
    return component_is_live or alarm.get("role") != "guardrail"


def latest_raise(published: Mapping[str, datetime], *, now: datetime, window: timedelta) -> str | None:
    """Give the run that was raised last within the window: the likeliest cause of what the whole process shows."""
    recent = {run_id: moment for run_id, moment in published.items() if now - moment <= window}
    return max(recent, key=lambda run_id: (recent[run_id], run_id), default=None)
