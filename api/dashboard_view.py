"""The dashboard as JSON: what the store has read, in the words of the API; null where nothing is known."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from api.shown import shown
from crossfade.percentages import HUNDRED, json_number
from crossfade.states import ComponentStatus, Severity, Variant
from crossfade.system_health import Health
from crossfade.trends import Figures, Trail
from store.dashboard import Alerts, Finding, Heading, OpenAlert, Part, Standing
from store.inter_phase import CheckRow
from store.phases import Phase
from store.rollbacks import Rollback
from store.validations import Checkpoint

Document = dict[str, object]
Sides = Mapping[tuple[str, Variant], Figures]

SETTLED = frozenset({ComponentStatus.COMPLETED, ComponentStatus.SKIPPED})
ROLLED_BACK = frozenset({ComponentStatus.ROLLING_BACK, ComponentStatus.ROLLED_BACK})
METRICS: Mapping[str, str] = {
    "responseTime.p95": "p95_ms",
    "errorRate": "error_rate",
    "memoryUsage": "memory_usage",
    "connectionDropRate": "connection_drop_rate",
}
"""The metrics of the trends, and the figures that they show."""
DIGITS = 6


def health_shown(health: Health) -> Document:
    """The health of the system."""
    return {
        "status": health.status.value,
        "healthy": health.is_healthy,
        "cause": health.cause,
        "issues": list(health.issues),
    }


def heading_shown(heading: Heading | None) -> Document | None:
    """The migration; None where there was none yet."""
    if heading is None:
        return None
    return {
        "id": str(heading.id),
        "name": heading.name,
        "number": heading.number,
        "status": heading.status.value,
        "reason": heading.reason,
        "startedAt": shown(heading.started_at),
        "finishedAt": shown(heading.finished_at),
        "workflowId": heading.workflow_id,
    }


def progress_shown(parts: Sequence[Part]) -> Document:
    """How far the migration is: the mean over its components, settled ones as 100 %."""
    statuses = [part.status for part in parts]
    return {
        "percentage": _mean(parts),
        "components": len(parts),
        "completed": statuses.count(ComponentStatus.COMPLETED),
        "ramping": statuses.count(ComponentStatus.RAMPING),
        "rolledBack": sum(status in ROLLED_BACK for status in statuses),
        "byStatus": {status.value: statuses.count(status) for status in ComponentStatus},
    }


def phases_shown(phases: Iterable[Phase], parts: Sequence[Part], checks: Sequence[CheckRow]) -> list[Document]:
    """The phases in the order of the plan, each with its components and the checks at its end."""
    return [
        {
            "name": phase.name,
            "status": phase.status.value,
            "reason": phase.reason,
            "dependsOn": list(phase.depends_on),
            "percentage": _mean([part for part in parts if part.phase == phase.name]),
            "components": [part.name for part in parts if part.phase == phase.name],
            "checks": [_check(check) for check in checks if check.phase == phase.name],
            "startedAt": shown(phase.started_at),
            "finishedAt": shown(phase.finished_at),
        }
        for phase in phases
    ]


def component_shown(part: Part, sides: Sides) -> Document:
    """A component, with what both sides of its run did lately."""
    return {
        "name": part.name,
        "phase": part.phase,
        "status": part.status.value,
        "percentage": json_number(part.percentage),
        "step": part.step,
        "steps": len(part.percentages),
        "stepPercentages": [json_number(percentage) for percentage in part.percentages],
        "waitingFor": part.waiting_for,
        "verdict": part.verdict and part.verdict.value,
        "reason": part.reason,
        "runId": part.run_id and str(part.run_id),
        **{variant.value: _side(sides.get((part.name, variant))) for variant in Variant},
    }


def performance_shown(trail: Trail, *, component: str | None, at: datetime) -> Document:
    """The trends of both sides; a point without data is null."""
    now = at.timestamp()
    starts = [_moment(start) for start in trail.window.starts(now)]
    return {
        "component": component,
        "from": starts[0],
        "to": shown(at),
        "resolutionSeconds": trail.window.width,
        "series": [
            {"metric": metric, "variant": variant.value, "points": _points(starts, trail, variant, figure, now)}
            for metric, figure in METRICS.items()
            for variant in Variant
        ],
    }


def alerts_shown(alerts: Alerts) -> Document:
    """The alerts that are not resolved: their number, and the worst of them."""
    return {
        "total": sum(alerts.by_severity.values()),
        "bySeverity": {severity.value: alerts.by_severity[severity] for severity in reversed(Severity)},
        "active": [_alert(alert) for alert in alerts.worst],
    }


def rollback_shown(rollback: Rollback) -> Document:
    """A rollback with the state of its steps; its evidence is in `GET rollbacks/{id}`."""
    return {
        "id": str(rollback.id),
        "component": rollback.component,
        "runId": rollback.run_id and str(rollback.run_id),
        "attempt": rollback.attempt,
        "trigger": rollback.trigger.value,
        "state": rollback.state.value,
        "actor": rollback.actor,
        "reason": rollback.reason,
        "fromPercentage": json_number(rollback.from_percentage),
        "toPercentage": json_number(rollback.to_percentage),
        "startedAt": shown(rollback.started_at),
        "finishedAt": shown(rollback.finished_at),
        "error": rollback.error,
        "steps": [
            {"name": step.name, "state": step.state, "attempts": step.attempts, "detail": step.detail}
            for step in rollback.steps
        ],
    }


def validation_shown(checkpoint: Checkpoint) -> Document:
    """A validation with its counts and bounds; its evidence is in `GET validations/{id}`."""
    return {
        "validationId": str(checkpoint.id),
        "component": checkpoint.component,
        "phase": checkpoint.phase,
        "runId": checkpoint.run_id and str(checkpoint.run_id),
        "step": checkpoint.step,
        "name": checkpoint.name,
        "kind": checkpoint.kind,
        "state": checkpoint.state,
        "verdict": checkpoint.verdict and checkpoint.verdict.value,
        "sample": checkpoint.sample,
        "compared": checkpoint.compared,
        "mismatched": checkpoint.mismatched,
        "maxMismatch": checkpoint.max_mismatch,
        "lower": checkpoint.lower,
        "upper": checkpoint.upper,
        "openedAt": shown(checkpoint.opened_at),
        "closedAt": shown(checkpoint.closed_at),
    }


def experiment_shown(finding: Finding) -> object:
    """The newest result of one metric of an experiment."""
    return shown(finding)


def standing_shown(standing: Standing) -> Document:
    """When all of this was true, and at which revision."""
    return {"generatedAt": shown(standing.at), "revision": standing.revision}


def _mean(parts: Sequence[Part]) -> float | None:
    if not parts:
        return None
    done = sum((HUNDRED if part.status in SETTLED else part.percentage for part in parts), start=Decimal(0))
    return round(float(done) / len(parts), 1)


def _check(check: CheckRow) -> Document:
    return {
        "name": check.name,
        "type": check.type,
        "verdict": check.verdict.value,
        "checkedAt": shown(check.checked_at),
    }


def _side(figures: Figures | None) -> Document | None:
    if figures is None:
        return None
    return {
        "requests": figures.requests,
        "errors": figures.errors,
        "errorRate": _rounded(figures.error_rate),
        "p95Ms": _rounded(figures.p95_ms),
        "memoryUsage": _rounded(figures.memory_usage),
        "connectionDropRate": _rounded(figures.connection_drop_rate),
    }


def _points(starts: Sequence[str], trail: Trail, variant: Variant, figure: str, now: float) -> list[list[object]]:
    points = [point for _, point in trail.points(variant, now=now)]
    return [
        [start, None if point is None else _rounded(getattr(point, figure))]
        for start, point in zip(starts, points, strict=True)
    ]


def _alert(alert: OpenAlert) -> Document:
    return {
        "id": str(alert.id),
        "component": alert.component,
        "rule": alert.rule,
        "severity": alert.severity.value,
        "state": alert.state,
        "firedAt": shown(alert.fired_at),
        "sentence": alert.summary,
    }


def _moment(start: int) -> str:
    return datetime.fromtimestamp(start, UTC).isoformat()


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")
