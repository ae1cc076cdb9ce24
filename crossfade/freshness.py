"""Whether there are data to judge by: no data is not good data."""

from datetime import datetime

from crossfade.measures import metric_named, window_seconds
from crossfade.plan.resolved import Judging
from crossfade.readings import Reading
from crossfade.samples import Key, Measured
from crossfade.states import Variant
from crossfade.subjects import Subject
from crossfade.wire import CONNECTIONS_ABNORMAL, CONNECTIONS_CLOSED, CONNECTIONS_OPENED, REQUESTS

ALWAYS_REQUIRED = ("errorRate", "responseTime")
_SHOWN_BY = {
    "errorRate": (REQUESTS,),
    "connectionDropRate": (CONNECTIONS_OPENED, CONNECTIONS_CLOSED, CONNECTIONS_ABNORMAL),
}


def missing(subject: Subject, measured: Measured) -> tuple[str, ...]:
    """Give the required metrics without a fresh sample, such as `candidate errorRate`.

    Required of each variant that is served. With `auto` these are `errorRate` and `responseTime`, and any other metric
    of a threshold once the component has declared its series; of legacy only if legacy has.
    """
    if not subject.is_published:
        return ()
    seconds = window_seconds(subject.plan.judging.freshness)
    others = _others(subject)
    return tuple(
        f"{variant} {metric}"
        for variant in _served(subject)
        for metric in _required(subject, measured, variant, others)
        if not any(_is_fresh(measured, Key(seconds, variant, series)) for series in _series(metric))
    )


def is_overdue(reading: Reading, judging: Judging, *, now: datetime) -> bool:
    """Whether the silence has outlasted its grace."""
    return reading.no_data_since is not None and now - reading.no_data_since >= judging.no_data_grace


def _served(subject: Subject) -> tuple[Variant, ...]:
    legacy = (Variant.LEGACY,) if subject.percentage < 100 else ()  # noqa: PLR2004 - everybody is on candidate
    return (*legacy, Variant.CANDIDATE) if subject.percentage > 0 else ()


def _others(subject: Subject) -> list[str]:
    """Give the metrics of the thresholds beside those that are always required."""
    return sorted({_family(threshold.metric) for threshold in subject.thresholds}.difference(ALWAYS_REQUIRED))


def _required(subject: Subject, measured: Measured, variant: Variant, others: list[str]) -> list[str]:
    required = subject.plan.judging.required
    if required != "auto":
        return sorted(required)
    # What only legacy declares is required of candidate, too: a guardrail is never blind.
    declarers = (Variant.LEGACY, Variant.CANDIDATE) if variant is Variant.CANDIDATE else (variant,)
    declared = [
        metric
        for metric in others
        if any((declarer, series) in measured.declared for declarer in declarers for series in _series(metric))
    ]
    return [*ALWAYS_REQUIRED, *declared]


def _family(metric: str) -> str:
    """Give what is required for a metric: the distribution of a quantile, else the metric itself."""
    named = metric_named(metric)
    return metric if named.share is None else named.series


def _series(metric: str) -> tuple[str, ...]:
    return _SHOWN_BY.get(metric) or (metric_named(metric).series,)


def _is_fresh(measured: Measured, key: Key) -> bool:
    samples = measured.windows.get(key)
    return samples is not None and samples.count > 0
