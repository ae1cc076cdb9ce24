"""Judge runs: what their thresholds say of candidate, and whether there are data to say so.

Nested windows: a guardrail is judged over 10 s, 60 s and its configured window, each with its own error probability,
so that a failure after healthy minutes is seen at once and chance rarely rolls anybody back. Nothing here writes or
waits; samples go in, readings come out.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from crossfade.freshness import missing
from crossfade.measures import Figures, Question, answers, is_bounded, metric_named, rate_limit, windows_of
from crossfade.plan.resolved import Operator, Threshold
from crossfade.readings import Reading, ThresholdResult
from crossfade.samples import Measured
from crossfade.states import Variant, Verdict
from crossfade.subjects import Subject, closes_at


class Look(NamedTuple):
    """What one window shows of a threshold's metric."""

    seconds: int
    alpha: float | None
    figures: Figures


class Seen(NamedTuple):
    """What all windows of a threshold show: of candidate, shortest first, and of legacy where it is compared."""

    looks: tuple[Look, ...]
    legacy: Figures | None

    @property
    def configured(self) -> Look:
        """The threshold's own window."""
        return self.looks[-1]

    @property
    def newest(self) -> float:
        """When the last sample arrived."""
        return max(look.figures.newest for look in self.looks)


def judge(subjects: Sequence[Subject], measured: Sequence[Measured], *, now: datetime) -> list[Reading]:
    """Judge runs by what was measured of each, given in the same order."""
    questions = [question for owner, subject in enumerate(subjects) for question in _questions(owner, subject)]
    figures = iter(answers(questions, measured))
    readings = []
    for subject, samples in zip(subjects, measured, strict=True):
        seen = [(threshold, _seen(threshold, figures)) for threshold in _judged(subject)]
        results = tuple(_result(subject, threshold, each, now) for threshold, each in seen)
        readings.append(_reading(subject, samples, results, now))
    return readings


def breaks(value: float, operator: Operator, limit: float) -> bool | None:
    """Whether `value operator limit` holds; None when one of them is not a finite number."""
    if not (math.isfinite(value) and math.isfinite(limit)):
        return None
    match operator:
        case ">":
            return value > limit
        case ">=":
            return value >= limit
        case "<":
            return value < limit
        case "<=":
            return value <= limit


def _judged(subject: Subject) -> tuple[Threshold, ...]:
    return subject.thresholds if subject.is_published else ()


def _questions(owner: int, subject: Subject) -> Iterator[Question]:
    for threshold in _judged(subject):
        windows = windows_of(threshold)
        for seconds, alpha in windows:
            yield Question(owner, threshold, Variant.CANDIDATE, seconds, alpha)
        if threshold.relative:
            yield Question(owner, threshold, Variant.LEGACY, windows[-1][0], None)


def _seen(threshold: Threshold, figures: Iterator[Figures]) -> Seen:
    """Take a threshold's answers, in the order of its questions."""
    looks = tuple(Look(seconds, alpha, next(figures)) for seconds, alpha in windows_of(threshold))
    return Seen(looks, next(figures) if threshold.relative else None)


def _result(subject: Subject, threshold: Threshold, seen: Seen, now: datetime) -> ThresholdResult:
    last = subject.continued
    earlier = next((result for result in last.results if result.name == threshold.name), None) if last else None
    limit = _limit(threshold, seen.legacy)
    outcome, look = _outcome(subject, threshold, seen, limit, now)
    failures = earlier.failures_in_a_row if earlier else 0
    if earlier is not None and seen.newest <= earlier.newest and outcome is not Verdict.NO_DATA:
        # Without new samples nothing was learned: neither a further failure nor a recovery.
        outcome = Verdict.FAIL if earlier.is_bad else earlier.verdict
    elif outcome is not Verdict.NO_DATA:
        failures = failures + 1 if outcome is Verdict.FAIL else 0
    is_bad = outcome is Verdict.FAIL
    tolerated = is_bad and failures <= threshold.failure_limit
    verdict = Verdict.INCONCLUSIVE if tolerated else outcome
    return _described(threshold, seen, look, limit=limit, verdict=verdict, is_bad=is_bad, failures=failures)


def _limit(threshold: Threshold, legacy: Figures | None) -> float | None:
    if not threshold.relative:
        return threshold.value
    if legacy is None or legacy.value is None:
        return None
    return legacy.value * (1 + threshold.value)


def _outcome(
    subject: Subject, threshold: Threshold, seen: Seen, limit: float | None, now: datetime
) -> tuple[Verdict, Look]:
    """Give what the samples say, before any tolerance, and the window that says so."""
    if all(look.figures.value is None for look in seen.looks):
        return Verdict.NO_DATA, seen.configured
    if is_bounded(threshold):
        return _bounded(threshold, seen)
    return _plain(subject, threshold, seen, limit, now), seen.configured


def _bounded(threshold: Threshold, seen: Seen) -> tuple[Verdict, Look]:
    allowed = rate_limit(threshold)
    assert allowed is not None
    for look in seen.looks:
        bound = look.figures.bound
        if bound is not None and breaks(bound, threshold.operator, allowed):
            return Verdict.FAIL, look
    # Over the limit though not beyond doubt: no rollback, and no reason to go on either.
    is_fine = _breaks(threshold, seen.configured.figures, threshold.value) is False
    return Verdict.PASS if is_fine else Verdict.INCONCLUSIVE, seen.configured


def _breaks(threshold: Threshold, figures: Figures, limit: float) -> bool | None:
    """Whether the plain value breaks the limit; of a quantile the share above it, as the bound would be judged."""
    allowed = rate_limit(threshold)
    if allowed is not None and figures.trials and figures.events is not None:
        return breaks(figures.events / figures.trials, threshold.operator, allowed)
    return None if figures.value is None else breaks(figures.value, threshold.operator, limit)


def _plain(subject: Subject, threshold: Threshold, seen: Seen, limit: float | None, now: datetime) -> Verdict:
    figures = seen.configured.figures
    if not _is_due(subject, threshold, now) or limit is None or figures.value is None:
        return Verdict.INCONCLUSIVE
    compared = (figures, seen.legacy) if seen.legacy else (figures,)
    # A gauge is read once in a while, not with each request: any reading of it counts.
    if metric_named(threshold.metric).is_proportion and min(each.samples for each in compared) < threshold.min_sample:
        return Verdict.INCONCLUSIVE
    match _breaks(threshold, figures, limit):
        case True:
            return Verdict.FAIL
        case False:
            return Verdict.PASS
        case None:
            return Verdict.INCONCLUSIVE


def _is_due(subject: Subject, threshold: Threshold, now: datetime) -> bool:
    """Whether the initial delay is over; a guardrail has none, it is never blind."""
    if threshold.role == "guardrail" or subject.published_at is None:
        return True
    return now - subject.published_at >= threshold.initial_delay


def _described(
    threshold: Threshold,
    seen: Seen,
    look: Look,
    *,
    limit: float | None,
    verdict: Verdict,
    is_bad: bool,
    failures: int,
) -> ThresholdResult:
    figures = look.figures
    return ThresholdResult(
        name=threshold.name,
        metric=threshold.metric,
        role=threshold.role,
        severity=threshold.severity,
        operator=threshold.operator,
        verdict=verdict,
        estimate="bound" if is_bounded(threshold) else "point",
        limit=limit,
        window_seconds=look.seconds,
        relative=threshold.relative,
        value=figures.value,
        legacy_value=seen.legacy.value if seen.legacy else None,
        samples=figures.samples,
        events=figures.events,
        trials=figures.trials,
        rate_limit=rate_limit(threshold),
        bound=figures.bound,
        alpha=look.alpha,
        instance=figures.instance,
        unit=threshold.unit,
        is_bad=is_bad,
        failures_in_a_row=failures,
        newest=seen.newest,
    )


def _reading(subject: Subject, measured: Measured, results: tuple[ThresholdResult, ...], now: datetime) -> Reading:
    last = subject.continued
    closed = (last.closed_samples if last else 0) + measured.closed_requests
    samples = closed + measured.open_requests
    silent = missing(subject, measured)
    breach = next((each for each in results if each.role == "guardrail" and each.verdict is Verdict.FAIL), None)
    return Reading(
        run_id=subject.run_id,
        step=subject.step,
        verdict=_verdict(results, breach, has_data=not silent),
        samples=samples,
        enough=samples >= subject.min_sample,
        no_data=bool(silent),
        no_data_since=((last.no_data_since if last else None) or now) if silent else None,
        missing=silent,
        failing_signals=tuple(each.name for each in results if each.role == "signal" and each.verdict is Verdict.FAIL),
        results=results,
        breach=breach,
        judged_at=now,
        published_at=subject.published_at,
        closed_samples=closed,
        closed_until=closes_at(subject, now=now),
    )


def _verdict(results: Sequence[ThresholdResult], breach: ThresholdResult | None, *, has_data: bool) -> Verdict:
    """Fail before no data before inconclusive before pass; only guardrails decide."""
    if breach is not None:
        return Verdict.FAIL
    if not has_data:
        return Verdict.NO_DATA
    if any(each.role == "guardrail" and each.verdict is Verdict.INCONCLUSIVE for each in results):
        return Verdict.INCONCLUSIVE
    return Verdict.PASS
