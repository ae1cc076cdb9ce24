import numpy as np
import pytest

from crossfade.errors import InvalidArgument
from crossfade.statistics.accumulators import Counts
from crossfade.statistics.mixtures import tuning
from crossfade.statistics.sequences import compare_quantiles, share_log_e, share_sequence


def test_at_the_ends_of_the_interval_the_evidence_is_1_over_alpha() -> None:
    low, high = share_sequence(Counts.of([400, 9000], [7, 4000]))
    for end in (low, high):
        rho = tuning(end * (1 - end) * 1000, alpha=0.05)
        assert share_log_e([7, 4000], [400, 9000], share=end, rho=rho) == pytest.approx([np.log(20)] * 2, abs=1e-6)


def test_nothing_seen_bounds_nothing_and_the_ends_stay_closed() -> None:
    low, high = share_sequence(Counts.of([0, 50, 50], [0, 0, 50]))
    assert (low.tolist()[:2], high.tolist()[0], high.tolist()[2]) == ([0, 0], 1, 1)
    assert 0 < high[1] < 0.5 < low[2] < 1


def test_the_interval_watched_at_every_trial_misses_the_truth_rarely() -> None:
    seen = (np.random.default_rng(3).random((300, 500)) < 0.2).cumsum(axis=1)
    low, high = share_sequence(Counts.of(np.arange(1, 501), seen), t_opt=200)
    assert ((low > 0.2) | (high < 0.2)).any(axis=1).mean() <= 0.05


def test_quantiles_that_differ_are_told_apart_and_equal_ones_are_not() -> None:
    rng = np.random.default_rng(9)
    control, same, slower = rng.lognormal(5, 0.5, 800), rng.lognormal(5, 0.5, 500), rng.lognormal(5.5, 0.5, 500)
    assert compare_quantiles(control, same, share=0.9, t_opt=500) < np.log(20)
    assert compare_quantiles(control, slower, share=0.9, t_opt=500) > np.log(20)


def test_an_empty_arm_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgument) as refusal:
        compare_quantiles([1.0], [], share=0.5, t_opt=10)
    assert refusal.value.argument == "treatment"
