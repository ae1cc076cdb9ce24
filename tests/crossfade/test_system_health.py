from dataclasses import replace
from datetime import timedelta

import pytest

from crossfade.states import Severity
from crossfade.system_health import (
    DATABASE_AWAY,
    FLAGS_OLD,
    MOST_ALERTS,
    TEMPORAL_AWAY,
    Firing,
    HealthStatus,
    Signs,
    health,
)

WELL = Signs(judged_ago=timedelta(seconds=1), has_live_run=True)
HEALTHY, DEGRADED, FAILING = HealthStatus


def firing(severity: Severity, sentence: str = "5 % of the requests fail.") -> Firing:
    return Firing("search", severity, sentence)


@pytest.mark.parametrize(
    ("signs", "status", "cause"),
    [
        (WELL, HEALTHY, None),
        (Signs(), HEALTHY, None),
        (replace(WELL, judged_ago=timedelta(seconds=10)), HEALTHY, None),
        (replace(WELL, database_answers=False), FAILING, DATABASE_AWAY),
        (replace(WELL, flags_are_fresh=False), FAILING, FLAGS_OLD),
        (replace(WELL, temporal_answers=False), DEGRADED, TEMPORAL_AWAY),
        (replace(WELL, defect="It broke."), FAILING, "It broke."),
        (
            replace(WELL, judged_ago=None),
            FAILING,
            "No worker has judged yet: no automatic rollback, nothing advances.",
        ),
        (
            replace(WELL, judged_ago=timedelta(seconds=11)),
            FAILING,
            "No worker has judged for 11 s: no automatic rollback, nothing advances.",
        ),
        (
            Signs(judged_ago=timedelta(minutes=2)),
            DEGRADED,
            "No worker has judged for 120 s: no automatic rollback, nothing advances.",
        ),
        (replace(WELL, stop_reason="drill"), FAILING, "An emergency stop is in force: drill"),
        (
            replace(WELL, rolling_back=["search"]),
            DEGRADED,
            "search is being rolled back; its traffic is on legacy.",
        ),
        (
            replace(WELL, not_cleaned_up=["search"]),
            DEGRADED,
            "The rollback of search has failed in a later step; its traffic is on legacy.",
        ),
        (replace(WELL, alerts=[firing(Severity.CRITICAL)]), FAILING, "search: 5 % of the requests fail."),
        (replace(WELL, alerts=[firing(Severity.HIGH)]), DEGRADED, "search: 5 % of the requests fail."),
        (replace(WELL, alerts=[firing(Severity.MEDIUM)]), DEGRADED, "search: 5 % of the requests fail."),
        (replace(WELL, alerts=[firing(Severity.LOW)]), HEALTHY, None),
    ],
)
def test_each_sign_has_a_status_and_a_cause(signs: Signs, status: HealthStatus, cause: str | None) -> None:
    found = health(signs)

    assert (found.status, found.cause, found.is_healthy) == (status, cause, status is HEALTHY)


def test_what_fails_comes_before_what_is_degraded_and_nothing_is_left_out() -> None:
    signs = replace(WELL, temporal_answers=False, rolling_back=["search"], stop_reason="drill")

    found = health(signs)

    assert found.status is FAILING
    assert found.cause == "An emergency stop is in force: drill"
    assert found.issues[1:] == (TEMPORAL_AWAY, "search is being rolled back; its traffic is on legacy.")


def test_many_alerts_are_told_as_a_number_that_is_as_bad_as_the_worst_of_them() -> None:
    many = [firing(Severity.HIGH, f"number {number}") for number in range(MOST_ALERTS)]

    found = health(replace(WELL, alerts=[*many, firing(Severity.CRITICAL), firing(Severity.MEDIUM)]))

    assert found.status is FAILING
    assert found.cause == "2 more alerts are firing."
    assert len(found.issues) == MOST_ALERTS + 1


def test_a_silence_that_is_no_number_is_silence() -> None:
    endless = replace(WELL, judged_ago=timedelta.max)

    assert health(endless).status is FAILING
