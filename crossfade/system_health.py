"""Whether the whole system is well: one status, its first cause, and every issue, from what is known about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from crossfade.states import Severity

DATABASE_AWAY: Final = "Postgres does not answer: nothing can be changed."
TEMPORAL_AWAY: Final = "Temporal does not answer: nothing advances. Rollback and emergency stop still work."
FLAGS_OLD: Final = "The flags of this replica are older than its lease: live rollouts serve legacy."
LONGEST_SILENCE: Final = timedelta(seconds=10)
MOST_ALERTS: Final = 10
"""So many alerts are issues of their own; the rest is told as a number."""


class HealthStatus(StrEnum):
    """How well the system is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that nobody has taken up."""

    component: str
    severity: Severity
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What is known about the system.

    Attributes:
        judged_ago: Time since the monitor's last tick; None where there never was one.
        has_live_run: Whether a candidate may be serving that somebody has to judge.
        stop_reason: Of the stop that is in force; None where there is none.
        alerts: The firing ones, the worst first.
        rolling_back: The components whose rollback is under way.
        not_cleaned_up: The components on legacy whose rollback has failed in a later step.
        defect: What the server could not do although its dependencies answer.
    """

    database_answers: bool = True
    flags_are_fresh: bool = True
    temporal_answers: bool = True
    judged_ago: timedelta | None = None
    has_live_run: bool = False
    stop_reason: str | None = None
    alerts: Sequence[Firing] = ()
    rolling_back: Sequence[str] = ()
    not_cleaned_up: Sequence[str] = ()
    defect: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """The status and what stands behind it, the failing things first."""

    status: HealthStatus
    issues: tuple[str, ...] = ()

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong."""
        return self.status is HealthStatus.HEALTHY

    @property
    def cause(self) -> str | None:
        """The first issue: what to look at before everything else."""
        return self.issues[0] if self.issues else None


_BY_SEVERITY: Final[Mapping[Severity, HealthStatus]] = {
    Severity.CRITICAL: HealthStatus.FAILING,
    Severity.HIGH: HealthStatus.DEGRADED,
    Severity.MEDIUM: HealthStatus.DEGRADED,
    Severity.LOW: HealthStatus.HEALTHY,
}


def health(signs: Signs) -> Health:
    """Give the health that the signs mean; an alert of low severity is news, not an issue."""
    found = [*_of_the_parts(signs), *_of_the_migration(signs)]
    failing = [issue for status, issue in found if status is HealthStatus.FAILING]
    degraded = [issue for status, issue in found if status is HealthStatus.DEGRADED]
    if failing:
        return Health(HealthStatus.FAILING, (*failing, *degraded))
    return Health(HealthStatus.DEGRADED if degraded else HealthStatus.HEALTHY, tuple(degraded))


def silence(judged_ago: timedelta | None, *, has_live_run: bool) -> str:
    """Give what is wrong about the monitor's silence, or an empty text."""
    if judged_ago is None:
        return "No worker has judged yet: no automatic rollback, nothing advances." if has_live_run else ""
    if not (judged_ago <= LONGEST_SILENCE):
        seconds = judged_ago.total_seconds()
        return f"No worker has judged for {seconds:.0f} s: no automatic rollback, nothing advances."
    return ""


def _of_the_parts(signs: Signs) -> Iterator[tuple[HealthStatus, str]]:
    if not signs.database_answers:
        yield HealthStatus.FAILING, DATABASE_AWAY
    if signs.defect:
        yield HealthStatus.FAILING, signs.defect
    if not signs.flags_are_fresh:
        yield HealthStatus.FAILING, FLAGS_OLD
    if issue := silence(signs.judged_ago, has_live_run=signs.has_live_run):
        yield HealthStatus.FAILING if signs.has_live_run else HealthStatus.DEGRADED, issue
    if not signs.temporal_answers:
        yield HealthStatus.DEGRADED, TEMPORAL_AWAY


def _of_the_migration(signs: Signs) -> Iterator[tuple[HealthStatus, str]]:
    if signs.stop_reason is not None:
        yield HealthStatus.FAILING, f"An emergency stop is in force: {signs.stop_reason}"
    for name in signs.rolling_back:
        yield HealthStatus.DEGRADED, f"{name} is being rolled back; its traffic is on legacy."
    for name in signs.not_cleaned_up:
        yield HealthStatus.DEGRADED, f"The rollback of {name} has failed in a later step; its traffic is on legacy."
    loud = [alert for alert in signs.alerts if _BY_SEVERITY[alert.severity] is not HealthStatus.HEALTHY]
    for alert in loud[:MOST_ALERTS]:
        yield _BY_SEVERITY[alert.severity], f"{alert.component}: {alert.sentence}"
    if rest := loud[MOST_ALERTS:]:
        worst = max((_BY_SEVERITY[alert.severity] for alert in rest), key=list(HealthStatus).index)
        yield worst, f"{len(rest)} more alerts are firing."
