"""Builders of what the judge takes: thresholds, runs, samples. Defaults are a healthy component at 50 %."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from crossfade.plan.resolved import ComponentPlan, Judging, Step, Threshold
from crossfade.readings import Reading
from crossfade.samples import Key, Measured, Samples
from crossfade.states import Variant
from crossfade.statistics.histogram import encode
from crossfade.subjects import Subject, span
from crossfade.thresholds import judge

NOW = datetime(2026, 3, 1, 12, 0, 4, tzinfo=UTC)
PUBLISHED = NOW - timedelta(hours=1)
RUN = "0198f000-0000-7000-8000-000000000001"


def guardrail(metric: str = "errorRate", value: float = 0.01, **changes: Any) -> Threshold:
    defaults: dict[str, Any] = {"name": metric, "operator": ">", "role": "guardrail", "action": "rollback"}
    return Threshold(metric=metric, value=value, **(defaults | changes))


def alert(metric: str = "errorRate", value: float = 0.01, **changes: Any) -> Threshold:
    defaults: dict[str, Any] = {"name": metric, "operator": ">", "role": "observe", "action": "alert"}
    return Threshold(metric=metric, value=value, **(defaults | changes))


def plan(*thresholds: Threshold, judging: Judging | None = None, min_sample: int = 100) -> ComponentPlan:
    step = Step(percentage=Decimal(50), min_sample=min_sample)
    return ComponentPlan(name="search", steps=(step,), thresholds=thresholds, judging=judging or Judging())


def subject(*thresholds: Threshold, judging: Judging | None = None, min_sample: int = 100, **changes: Any) -> Subject:
    defaults: dict[str, Any] = {
        "run_id": RUN,
        "component": "search",
        "step": 1,
        "percentage": Decimal(50),
        "published_at": PUBLISHED,
        "since_revision": 7,
        "plan": plan(*thresholds, judging=judging, min_sample=min_sample),
    }
    return Subject(**(defaults | changes))


def times(values: Sequence[float], *, newest: float = 1.0) -> Samples:
    return Samples(len(values), histogram=encode(values) if len(values) else b"", newest=newest)


def window(
    seconds: int,
    variant: Variant = Variant.CANDIDATE,
    *,
    requests: int = 1000,
    errors: int = 0,
    response_ms: float = 20.0,
    newest: float = 1.0,
    **more: Samples,
) -> dict[Key, Samples]:
    samples = {
        "requests": Samples(requests, newest=newest),
        "errors": Samples(errors, newest=newest),
        "responseTime": times([response_ms] * requests, newest=newest),
    } | more
    return {Key(seconds, variant, metric): each for metric, each in samples.items()}


def measured(*windows: Mapping[Key, Samples], fresh: bool = True, requests: int = 5000, **changes: Any) -> Measured:
    """Samples in some windows; `fresh` adds healthy ones of both variants to windows that have none."""
    together: dict[Key, Samples] = {}
    if fresh:
        for seconds in (10, 60, 300):
            for variant in Variant:
                together |= window(seconds, variant)
    for each in windows:
        together |= each
    return Measured(windows=together, open_requests=requests, **changes)


def read(subject: Subject, measured: Measured, now: datetime = NOW) -> Reading:
    (reading,) = judge([subject], [measured], now=now)
    return reading


__all__ = [
    "NOW",
    "PUBLISHED",
    "RUN",
    "alert",
    "guardrail",
    "measured",
    "plan",
    "read",
    "span",
    "subject",
    "times",
    "window",
]
