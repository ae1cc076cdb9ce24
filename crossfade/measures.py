"""Figures of many metrics at once: rates, quantiles, gauges, and the exact bounds of what counts against a limit."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import NamedTuple

from crossfade.plan.resolved import Threshold
from crossfade.samples import Key, Measured, Samples
from crossfade.states import Variant
from crossfade.statistics.histogram import Histograms
from crossfade.statistics.limits import lower_bound, upper_bound
from crossfade.wire import BUCKET_SECONDS, CONNECTIONS_ABNORMAL, CONNECTIONS_OPENED, ERRORS, REQUESTS

NESTED_ALPHAS = {10: 1e-5, 60: 1e-4}
"""The windows inside a guardrail's own one, in seconds, with their error probabilities."""
CONFIGURED_ALPHA = 1e-3

_RATES = {"errorRate": (ERRORS, REQUESTS), "connectionDropRate": (CONNECTIONS_ABNORMAL, CONNECTIONS_OPENED)}
_QUANTILE = re.compile(r"([A-Za-z]+)\.p([1-9][0-9]?(?:\.[0-9]+)?)", re.ASCII)
_NOTHING = Samples(0)


@dataclass(frozen=True, slots=True)
class Metric:
    """Where a metric's figures come from.

    Attributes:
        series: What is read; of a rate, what could have happened.
        events: Of a rate: what happened.
        share: Of a quantile: the share of values below it.
    """

    series: str
    events: str | None = None
    share: float | None = None

    @property
    def is_proportion(self) -> bool:
        """Whether it can be judged by how many of how many, with an exact bound."""
        return self.events is not None or self.share is not None


class Question(NamedTuple):
    """One threshold's metric of one variant of one run (`owner`) over one window; with `alpha`, its bound too."""

    owner: int
    threshold: Threshold
    variant: Variant
    window_seconds: int
    alpha: float | None


class Figures(NamedTuple):
    """The answer: the plain value, and for proportions what counts against the limit.

    `bound` is the lower one for an upper limit and the upper one for a lower limit. `value` is None without samples.
    """

    value: float | None
    samples: int
    events: int | None = None
    trials: int | None = None
    bound: float | None = None
    newest: float = 0.0
    instance: str | None = None


@cache
def metric_named(name: str) -> Metric:
    """Give what a metric's name stands for: a rate, a quantile such as `responseTime.p95`, else a gauge."""
    if name in _RATES:
        events, trials = _RATES[name]
        return Metric(trials, events=events)
    if found := _QUANTILE.fullmatch(name):
        return Metric(found[1], share=float(found[2]) / 100)
    return Metric(name)


def rate_limit(threshold: Threshold) -> float | None:
    """Give the share of requests that a threshold allows to count against it; None where no share is judged."""
    metric = metric_named(threshold.metric)
    if threshold.relative or not metric.is_proportion:
        return None
    return threshold.value if metric.share is None else round(1 - metric.share, 12)


def is_bounded(threshold: Threshold) -> bool:
    """Whether the threshold fires on a confidence bound instead of the plain value."""
    return threshold.role == "guardrail" and threshold.estimate == "bound" and rate_limit(threshold) is not None


def windows_of(threshold: Threshold) -> list[tuple[int, float | None]]:
    """Give the windows that a threshold looks at, the shortest first, with the error probability of each bound."""
    configured = window_seconds(threshold.window)
    if not is_bounded(threshold):
        return [(configured, None)]
    nested: list[tuple[int, float | None]] = [(w, alpha) for w, alpha in NESTED_ALPHAS.items() if w < configured]
    return [*nested, (configured, CONFIGURED_ALPHA)]


def window_seconds(window: timedelta) -> int:
    """Give a window's length in whole seconds, rounded up to whole buckets."""
    return math.ceil(window.total_seconds() / BUCKET_SECONDS) * BUCKET_SECONDS


def answers(questions: Sequence[Question], measured: Sequence[Measured]) -> list[Figures]:
    """Give the figures that each question asks for, all bounds and all quantiles in one go."""
    plain = [_plain(question, measured[question.owner]) for question in questions]
    _fill_quantiles(questions, plain, measured)
    _fill_bounds(questions, plain)
    return plain


def _plain(question: Question, measured: Measured) -> Figures:
    metric = metric_named(question.threshold.metric)
    samples = measured.windows.get(Key(question.window_seconds, question.variant, metric.series), _NOTHING)
    if metric.events is not None:
        events = measured.windows.get(Key(question.window_seconds, question.variant, metric.events), _NOTHING)
        return _rate(events, samples)
    value = samples.mean if samples.count and metric.share is None else None
    return Figures(value, samples.count, newest=samples.newest, instance=samples.instance)


def _rate(events: Samples, trials: Samples) -> Figures:
    # A connection may drop long after the window in which it was opened: what happened could have happened.
    possible = max(trials.count, events.count)
    value = events.count / possible if possible else None
    newest = max(events.newest, trials.newest)
    return Figures(value, possible, events=events.count, trials=possible, newest=newest)


def _fill_quantiles(questions: Sequence[Question], plain: list[Figures], measured: Sequence[Measured]) -> None:
    asked = [
        (position, metric.share, measured[question.owner].windows[key])
        for position, question in enumerate(questions)
        if (metric := metric_named(question.threshold.metric)).share is not None
        and (key := Key(question.window_seconds, question.variant, metric.series)) in measured[question.owner].windows
    ]
    if not asked:
        return
    positions, shares, samples = zip(*asked, strict=True)
    zeros = [each.zeros for each in samples]
    histograms = Histograms.decoded([each.histogram for each in samples])
    values = histograms.quantiles(shares, zeros=zeros).tolist()
    above = histograms.above([questions[position].threshold.value for position in positions]).tolist()
    totals = histograms.totals().tolist()
    for position, value, events, total, zero in zip(positions, values, above, totals, zeros, strict=True):
        trials = total + zero
        figures = plain[position]._replace(value=value if trials else None, samples=trials)
        plain[position] = figures._replace(events=events, trials=trials)


def _fill_bounds(questions: Sequence[Question], plain: list[Figures]) -> None:
    for side, is_lower in ((lower_bound, True), (upper_bound, False)):
        chosen = [
            position
            for position, question in enumerate(questions)
            if question.alpha is not None
            and question.threshold.operator.startswith(">") is is_lower
            and plain[position].trials
        ]
        if not chosen:
            continue
        events = [plain[position].events or 0 for position in chosen]
        trials = [plain[position].trials or 0 for position in chosen]
        bounds = side(events, trials, alpha=[questions[position].alpha or 0.0 for position in chosen]).tolist()
        for position, bound in zip(chosen, bounds, strict=True):
            plain[position] = plain[position]._replace(bound=bound)
