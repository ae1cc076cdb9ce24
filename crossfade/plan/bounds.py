"""The bound of a metric: operator and value in the metric's own unit."""

import re
from dataclasses import dataclass

from crossfade.plan.findings import Findings
from crossfade.plan.nodes import Node
from crossfade.plan.quantities import Bound
from crossfade.plan.resolved import Operator
from crossfade.plan.settings import Metric

RATES = frozenset({"errorRate", "connectionDropRate"})
FRACTIONS = RATES | {"memoryUsage"}

_TIME = re.compile(r"responseTime\.p[1-9][0-9]?(?:\.[0-9]{1,2})?", re.ASCII)
_ONE_BOUND = "write one bound: max, min, or operator with value"


@dataclass(frozen=True, slots=True)
class ResolvedBound:
    """A reading is bad when it is `operator` `value`."""

    operator: Operator
    value: float
    relative: bool


def is_time(metric: str | None) -> bool:
    """Whether the metric is a quantile of the response time, in ms, such as `responseTime.p95`."""
    return metric is not None and _TIME.fullmatch(metric) is not None


def resolve_bound(metric: Metric, node: Node, findings: Findings) -> ResolvedBound | None:
    """The bound of a merged metric, or None when it was refused."""
    found = _written(metric, node, findings)
    if found is None:
        return None
    key, operator, bound = found
    place = node.nearest(key)
    message = _relative_problem(metric, bound) if metric.compare else _absolute_problem(metric, operator, bound)
    if message is not None:
        findings.refuse(place, message)
        return None
    return ResolvedBound(operator, float(bound.value), bound.is_change)


def _written(metric: Metric, node: Node, findings: Findings) -> tuple[str, Operator, Bound] | None:
    """The key, the operator and the bound that were written."""
    bounds = {"max": metric.max, "min": metric.min, "threshold": metric.threshold, "value": metric.value}
    given = [(key, bound) for key, bound in bounds.items() if bound is not None]
    if not given:
        findings.refuse(node, f"is required; {_ONE_BOUND}", "max")
        return None
    if len(given) > 1:
        findings.refuse(node.nearest(given[1][0]), f"the bound is given twice; {_ONE_BOUND}")
        return None
    key, bound = given[0]
    if key in {"max", "min"}:
        if metric.operator is not None:
            findings.refuse(node.nearest("operator"), f"{key} says it already; remove the operator")
            return None
        return key, ">" if key == "max" else "<", bound
    if metric.operator is None:
        findings.refuse(node, f"is required beside {key}: >, >=, < or <=", "operator")
        return None
    return key, metric.operator, bound


def _relative_problem(metric: Metric, bound: Bound) -> str | None:
    if not bound.is_change:
        return "compared with legacy: write a signed change such as +10%"
    if metric.unit is not None:
        return "compared with legacy: a change has no unit; remove the unit"
    if bound.value <= -1:
        return "compared with legacy: a change is more than -100%"
    return None


def _absolute_problem(metric: Metric, operator: Operator, bound: Bound) -> str | None:
    if bound.is_change:
        return "a signed change needs compare: legacy; write 10% for a part of the whole"
    if bound.value < 0:
        return "must not be negative"
    if is_time(metric.metric):
        return _time_problem(bound)
    if metric.metric in FRACTIONS:
        return _fraction_problem(metric, operator, bound)
    return None


def _time_problem(bound: Bound) -> str | None:
    if bound.is_percent:
        return "a time is a number of ms; a percent needs compare: legacy and a sign"
    return "must be more than 0 ms" if bound.value == 0 else None


def _fraction_problem(metric: Metric, operator: Operator, bound: Bound) -> str | None:
    if metric.unit is not None:
        return "a part of the whole has no unit; remove the unit and write 1% or 0.01"
    if bound.value > 1 and not bound.is_percent:
        return "a part of the whole: write a percent such as 1%, or 0.01"
    if metric.metric in RATES and operator == ">" and bound.value >= 1:
        return "a rate is never above 100%, so this could not be breached; write a smaller bound"
    if bound.value == 0 and operator in {">=", "<"}:
        return "every reading, or none, would be bad; write another bound"
    return None
