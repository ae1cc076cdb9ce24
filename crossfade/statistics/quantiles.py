"""Quantiles with intervals, from histograms (M5): for show. Decide by M3 on the share above a limit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from crossfade.errors import InvalidArgument
from crossfade.histogram import ACCURACY
from crossfade.statistics.accumulators import Counts
from crossfade.statistics.arguments import Floats, counts, numbers, probabilities
from crossfade.statistics.histogram import Histograms


@dataclass(frozen=True, slots=True, eq=False)
class QuantileInterval:
    """One quantile of each histogram, in the unit of the values; NaN without values.

    Attributes:
        estimate: The quantile, at most 1 % away from that of the values.
        low: Lower end, the bucket's lower edge; 0 where too few values bound it.
        high: Upper end, the bucket's upper edge; infinite where too few values bound it.
    """

    estimate: Floats
    low: Floats
    high: Floats


def quantile_interval(
    histograms: Histograms, share: ArrayLike, *, zeros: ArrayLike = 0, confidence: ArrayLike = 0.95
) -> QuantileInterval:
    """A quantile with an interval from order statistics, valid at one look, whatever the distribution.

    The number of values below the true quantile is binomial, so that two order statistics enclose it with at least the
    confidence (Thompson 1936; Hahn & Meeker 1991; not read). The edges of their buckets enclose the values.

    Args:
        histograms: One per metric.
        share: The share of values below the quantile, between 0 and 1; 0.95 for p95.
        zeros: How many values of each were not above 0 and stand before the others.
        confidence: Of the interval, between 0 and 1.

    Raises:
        InvalidArgument: An argument is out of range, or its shape does not fit.
    """
    q = _per_histogram(histograms, probabilities(share, "share"), "share")
    before = _per_histogram(histograms, counts(zeros, "zeros"), "zeros")
    error = 1 - _per_histogram(histograms, probabilities(confidence, "confidence"), "confidence")
    total = histograms.totals() + before
    size = np.maximum(total, 1)
    # Counted from 0: the k-th value, k the smallest with P(B <= k) above error / 2, is exceeded by the quantile.
    lower = stats.binom.ppf(error / 2, size, q) - 1
    upper = stats.binom.isf(error / 2, size, q)
    whole = before.astype(np.int64)
    low = histograms.at_ranks(np.maximum(lower, 0), zeros=whole) / ((1 + ACCURACY) * (1 + 1e-12))
    high = histograms.at_ranks(np.minimum(upper, size - 1), zeros=whole) / ((1 - ACCURACY) * (1 - 1e-12))
    return QuantileInterval(
        estimate=histograms.quantiles(q, zeros=whole),
        low=np.where((lower < 0) & (total > 0), 0.0, low),
        high=np.where((upper > size - 1) & (total > 0), np.inf, high),
    )


def share_above(histograms: Histograms, limits: ArrayLike, *, zeros: ArrayLike = 0) -> Counts:
    """How many values of each histogram exceed its limit, of how many: what M3 decides on.

    The bucket of the limit itself counts as not above, in both arms alike: the limit is moved up by at most 2 %.

    Args:
        histograms: One per metric (and arm).
        limits: In the unit of the values, one each: the SLO, or legacy's p95 in the baseline window.
        zeros: How many values of each were not above 0.

    Raises:
        InvalidArgument: A limit is not finite, or a shape does not fit.
    """
    before = _per_histogram(histograms, counts(zeros, "zeros"), "zeros")
    given = _per_histogram(histograms, numbers(limits, "limits"), "limits")
    return Counts.of(histograms.totals() + before, histograms.above(given))


def _per_histogram(histograms: Histograms, given: Floats, argument: str) -> Floats:
    try:
        return np.broadcast_to(given, (histograms.size,))
    except ValueError:
        raise InvalidArgument(argument, "must be one number or one per histogram") from None
