import numpy as np
import pytest

from crossfade.errors import InvalidArgument
from crossfade.statistics.histogram import Histograms, encode
from crossfade.statistics.quantiles import quantile_interval, share_above


def histograms(values: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Histograms:
    return Histograms.decoded([encode(row) for row in values])


def test_the_interval_holds_the_true_p95_as_often_as_it_says() -> None:
    truth = float(np.exp(5 + 1.6448536269514722))
    interval = quantile_interval(histograms(np.random.default_rng(1).lognormal(5, 1, (400, 2000))), 0.95)
    covered = (interval.low <= truth) & (truth <= interval.high)
    assert covered.mean() >= 0.95
    assert (interval.low <= interval.estimate).all()
    assert (interval.estimate <= interval.high).all()


def test_too_few_values_leave_an_end_open() -> None:
    interval = quantile_interval(histograms(np.array([[10.0, 20.0, 30.0]])), 0.95)
    assert (interval.low[0], interval.high[0]) == (pytest.approx(20.0, rel=0.021), np.inf)


def test_without_values_there_is_no_quantile() -> None:
    interval = quantile_interval(Histograms.decoded([b""]), 0.95)
    assert np.isnan([interval.estimate[0], interval.low[0], interval.high[0]]).all()


def test_values_of_zero_stand_before_the_others() -> None:
    half = quantile_interval(histograms(np.full((1, 100), 50.0)), 0.25, zeros=100)
    assert (half.low[0], half.estimate[0], half.high[0]) == (0, 0, 0)


def test_the_share_above_a_limit_counts_zeros_as_below() -> None:
    share = share_above(histograms(np.array([[10.0, 600.0, 700.0]])), 500.0, zeros=7)
    assert (share.n[0], share.successes[0]) == (10, 2)


def test_a_share_per_metric_must_be_one_per_metric() -> None:
    with pytest.raises(InvalidArgument) as refusal:
        quantile_interval(histograms(np.ones((3, 4))), [0.5, 0.9])
    assert refusal.value.argument == "share"
