"""The thresholds of a component, from its merged metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from crossfade.plan.bounds import FRACTIONS, is_time, resolve_bound
from crossfade.plan.findings import Findings
from crossfade.plan.merging import metric_name
from crossfade.plan.names import EVENTS_SOURCE
from crossfade.plan.nodes import Node
from crossfade.plan.resolved import Action, Judging, Role, Threshold
from crossfade.plan.settings import Metric, Thresholds
from crossfade.states import Severity

JUDGED = (*sorted(FRACTIONS), "responseTime.p95")
REQUIRABLE = ("errorRate", "responseTime", "memoryUsage", "connectionDropRate")
WINDOW = timedelta(minutes=5)
LONGEST_WINDOW = timedelta(days=1)
INTERVAL = timedelta(seconds=1)

_SEVERITY: Mapping[Role, Severity] = {
    "guardrail": Severity.CRITICAL,
    "signal": Severity.HIGH,
    "observe": Severity.MEDIUM,
}


def _guardrail(name: str, metric: str, value: float, unit: str = "") -> Threshold:
    return Threshold(
        name=name, metric=metric, operator=">", value=value, unit=unit,
        role="guardrail", action="rollback", severity=Severity.CRITICAL, window=WINDOW,
    )  # fmt: skip


DEFAULT_GUARDRAILS = (
    _guardrail("error-rate", "errorRate", 0.01),
    _guardrail("latency-p95", "responseTime.p95", 500, "ms"),
    _guardrail("memory", "memoryUsage", 0.9),
    _guardrail("connection-drops", "connectionDropRate", 0.01),
)
"""What a component is guarded by whose plan names no metrics at all."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How a component is judged."""

    thresholds: tuple[Threshold, ...]
    judging: Judging


def resolve_thresholds(
    written: Thresholds | None, component: Node, sources: Mapping[str, str], findings: Findings
) -> Judged:
    """The thresholds of the merged component; `sources` gives the type of each source."""
    node = component.nearest("thresholds")
    if written is None or written.metrics is None:
        return Judged(DEFAULT_GUARDRAILS, _judging(written or Thresholds(), node, findings))
    metrics = node.nearest("metrics").items
    resolved = [
        _threshold(metric, place, component, sources, findings)
        for metric, place in zip(written.metrics, metrics, strict=True)
        if metric.enabled is not False
    ]
    thresholds = tuple(threshold for threshold in resolved if threshold is not None)
    if not any(metric.role == "guardrail" for metric in thresholds):
        findings.warn(component, "has no guardrail; nothing takes it back by itself when it hurts")
    return Judged(thresholds, _judging(written, node, findings))


def _judging(written: Thresholds, node: Node, findings: Findings) -> Judging:
    if isinstance(written.required, tuple):
        for index, name in enumerate(written.required):
            if name not in REQUIRABLE:
                place = node.nearest("required", index)
                findings.refuse(place, f"cannot be required: it is not measured; known are: {', '.join(REQUIRABLE)}")
    if written.interval not in {None, INTERVAL}:
        findings.lacks_effect(node.nearest("interval"), "judged each second whatever the interval")
    if written.consecutive_error_limit is not None:
        findings.lacks_effect(node.nearest("consecutiveErrorLimit"), "no source is asked yet, so none can fail")
    defaults = Judging()
    return Judging(
        required="auto" if written.required in {None, "auto"} else cast("tuple[str, ...]", written.required),
        no_data=written.no_data or defaults.no_data,
        no_data_grace=defaults.no_data_grace if written.no_data_grace is None else written.no_data_grace,
        consecutive_error_limit=written.consecutive_error_limit or defaults.consecutive_error_limit,
        freshness=written.freshness or defaults.freshness,
    )


def _threshold(
    metric: Metric, node: Node, component: Node, sources: Mapping[str, str], findings: Findings
) -> Threshold | None:
    name = metric_name(node)
    duty = _duty(metric, node, findings)
    bound = resolve_bound(metric, node, findings)
    if metric.metric is None:
        findings.refuse(node, "is required: the metric that is judged", "metric")
    if metric.component not in {None, component.nearest("name").text}:
        findings.refuse(node.nearest("component"), "is another component; write this metric there")
    if name is None or duty is None or bound is None or metric.metric is None:
        return None
    role, action = duty
    threshold = Threshold(
        name=name, metric=metric.metric, operator=bound.operator, value=bound.value, relative=bound.relative,
        window=_window(metric, node, findings), role=role, action=action,
        severity=Severity(metric.severity) if metric.severity else _SEVERITY[role],
        failure_limit=metric.failure_limit or 0, min_sample=metric.min_sample or 100,
        initial_delay=metric.initial_delay or timedelta(0), estimate=metric.estimate or "bound",
        attribute=metric.attribute or "", unit="ms" if is_time(metric.metric) else "",
        source=metric.source or EVENTS_SOURCE,
    )  # fmt: skip
    _check_delay(threshold, node, findings)
    _check_effect(threshold, node, sources, findings)
    return threshold


def _duty(metric: Metric, node: Node, findings: Findings) -> tuple[Role, Action] | None:
    """Role and action; a rollback makes a guardrail, and the form `threshold:` is that of a rollback threshold."""
    action, role = metric.action, metric.role
    if action is None and role is None:
        if metric.threshold is None:
            findings.refuse(node, "is required: rollback or alert (or a role)", "action")
            return None
        action = "rollback"
    if role is None:
        role = "guardrail" if action == "rollback" else "observe"
    expected: Action = "rollback" if role == "guardrail" else "alert"
    if action not in {None, expected}:
        findings.refuse(node.nearest("action"), f"the role {role} goes with action: {expected}; leave one of them out")
        return None
    return role, expected


def _window(metric: Metric, node: Node, findings: Findings) -> timedelta:
    if metric.window is not None and metric.window_minutes is not None:
        findings.refuse(node.nearest("windowMinutes"), "the window is given twice; keep window")
    if metric.window_minutes is not None:
        return timedelta(minutes=metric.window_minutes)
    window = metric.window or WINDOW
    if window > LONGEST_WINDOW:
        findings.refuse(node.nearest("window"), "longer than 1d; write a shorter window")
    return window


def _check_delay(threshold: Threshold, node: Node, findings: Findings) -> None:
    if not threshold.initial_delay:
        return
    if threshold.role == "guardrail":
        findings.refuse(node.nearest("initialDelay"), "a guardrail is never blind; remove the delay")
    elif not threshold.relative and threshold.role != "signal":
        findings.refuse(node.nearest("initialDelay"), "only for signals and comparisons with legacy; remove the delay")


def _check_effect(threshold: Threshold, node: Node, sources: Mapping[str, str], findings: Findings) -> None:
    """A guardrail that nobody would act on is refused; anything else is told."""
    missing = _missing_effect(threshold, sources)
    if missing is None:
        return
    place, message = missing
    where = node.nearest(place)
    if threshold.role == "guardrail":
        findings.refuse(where, f"{message}, so it cannot be a guardrail yet; let it observe or remove it")
    else:
        findings.lacks_effect(where, message)


def _missing_effect(threshold: Threshold, sources: Mapping[str, str]) -> tuple[str, str] | None:
    if sources.get(threshold.source, "events") != "events":
        return "source", "metrics from Prometheus are not read yet"
    if threshold.metric not in FRACTIONS and not is_time(threshold.metric):
        return "metric", f"this metric is not judged yet (judged are: {', '.join(JUDGED)})"
    if threshold.attribute and threshold.role != "guardrail":
        return "attribute", "only a guardrail asks which component was raised last"
    if threshold.relative and threshold.role == "guardrail":
        return "compare", "a comparison with legacy has no confidence bound yet"
    return None
