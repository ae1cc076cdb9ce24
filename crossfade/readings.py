"""What the monitor has read of a run, with the figures behind it; stored as JSON and shown as evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from crossfade.plan.resolved import Operator, Role
from crossfade.states import Severity, Verdict

Estimate = Literal["bound", "point"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdResult:
    """One threshold, judged once.

    Attributes:
        value: The plain value of candidate in `window_seconds`, in the metric's unit; None without samples.
        limit: What `value` is compared with; for a relative threshold computed from legacy's value.
        events: How many of `trials` count against the threshold (errors, drops, responses above the limit).
        rate_limit: The share of `trials` that the rule allows: 5 % for a p95, the limit itself for a rate.
        bound: The confidence bound of that share, at error probability `alpha`; None where the value itself decides.
        window_seconds: The window that decided: the one in which it broke the limit, else the configured one.
        failures_in_a_row: Bad readings since the last good one; only readings with new samples are counted.
        newest: When its newest sample arrived, epoch seconds; tells whether the next reading has new samples.
        is_bad: Whether the limit was broken in this reading, tolerated or not.
    """

    name: str
    metric: str
    role: Role
    severity: Severity
    operator: Operator
    verdict: Verdict
    estimate: Estimate
    limit: float | None
    window_seconds: int
    relative: bool = False
    value: float | None = None
    legacy_value: float | None = None
    samples: int = 0
    events: int | None = None
    trials: int | None = None
    rate_limit: float | None = None
    bound: float | None = None
    alpha: float | None = None
    instance: str | None = None
    unit: str = ""
    is_bad: bool = False
    failures_in_a_row: int = 0
    newest: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The judgement of one run at one instant; the next one continues from its counters.

    Attributes:
        samples: Candidate requests since the step began.
        enough: Whether they reach the step's minimum sample.
        missing: What `no_data` means here: the required metrics without a fresh sample, such as `candidate errorRate`.
        no_data_since: When the silence was first seen.
        failing_signals: Names of the thresholds of role `signal` that fail.
        breach: The guardrail that calls for a rollback.
        published_at: When the step that it judges was published; None before the first.
        closed_samples: The part of `samples` in buckets before `closed_until`, which can no longer change.
    """

    run_id: str
    step: int
    verdict: Verdict
    samples: int = 0
    enough: bool = False
    no_data: bool = False
    no_data_since: datetime | None = None
    missing: tuple[str, ...] = ()
    source_error: bool = False
    failing_signals: tuple[str, ...] = ()
    results: tuple[ThresholdResult, ...] = ()
    breach: ThresholdResult | None = None
    judged_at: datetime | None = None
    published_at: datetime | None = None
    closed_samples: int = 0
    closed_until: datetime | None = None


_READING = tuple(field.name for field in fields(Reading))
_RESULT = tuple(field.name for field in fields(ThresholdResult))
_MOMENTS = ("no_data_since", "judged_at", "published_at", "closed_until")


def to_json(reading: Reading) -> dict[str, Any]:
    """The reading as plain JSON values under the names of its fields."""
    document = {name: getattr(reading, name) for name in _READING}
    for name in _MOMENTS:
        moment = document[name]
        document[name] = moment.isoformat() if moment else None
    document["verdict"] = reading.verdict.value
    document["results"] = [result_json(result) for result in reading.results]
    document["breach"] = result_json(reading.breach) if reading.breach else None
    for name in ("missing", "failing_signals"):
        document[name] = list(document[name])
    return document


def result_json(result: ThresholdResult) -> dict[str, Any]:
    """One threshold's result as plain JSON values under the names of its fields."""
    # Not asdict: it copies deeply, and the monitor does this for every threshold each second.
    document = {name: getattr(result, name) for name in _RESULT}
    document["verdict"], document["severity"] = result.verdict.value, result.severity.value
    return document


def from_json(document: Mapping[str, Any]) -> Reading:
    """The reading that `to_json` wrote; fields that this version does not know are ignored."""
    known = {name: document[name] for name in _READING if name in document}
    for name in _MOMENTS:
        known[name] = datetime.fromisoformat(known[name]) if known.get(name) else None
    known["verdict"] = Verdict(known["verdict"])
    known["results"] = tuple(_result(result) for result in known.get("results", ()))
    known["breach"] = _result(known["breach"]) if known.get("breach") else None
    for name in ("missing", "failing_signals"):
        known[name] = tuple(known.get(name, ()))
    return Reading(**known)


def _result(document: Mapping[str, Any]) -> ThresholdResult:
    known = {name: document[name] for name in _RESULT if name in document}
    known["verdict"], known["severity"] = Verdict(known["verdict"]), Severity(known["severity"])
    return ThresholdResult(**known)
