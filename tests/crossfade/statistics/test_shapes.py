"""Shapes of metrics beyond a plain row."""

import numpy as np
import pytest

from crossfade.errors import InvalidArgument
from crossfade.statistics.accumulators import Counts, Moments
from crossfade.statistics.means import welch
from crossfade.statistics.rates import RateDesign, RateEvidence, sequential_rates
from crossfade.statistics.sample_ratio import chi_square, sample_ratio
from crossfade.statistics.sequential_means import MeanDesign, sequential_means
from crossfade.statistics.stratified import StratifiedMeans

MEANS = StratifiedMeans.of(Moments.from_variance([500, 600], 1.0, 1.0), Moments.from_variance([500, 600], 1.0, 1.0))


def test_a_table_of_rates_gives_what_its_rows_give() -> None:
    rng = np.random.default_rng(9)
    control, treatment = (Counts.of(rng.integers(500, 900, (4, 3)), rng.integers(0, 30, (4, 3))) for _ in range(2))
    table = sequential_rates(RateEvidence.of(control, treatment, design=RateDesign.of()), alpha=[0.05, 0.01, 0.1])
    for row in range(4):
        arms = (Counts(arm.n[row], arm.successes[row]) for arm in (control, treatment))
        alone = sequential_rates(RateEvidence.of(*arms, design=RateDesign.of()), alpha=[0.05, 0.01, 0.1])
        for name in ("log_e_harm", "log_e_noninferior", "ratio", "low", "high"):
            assert getattr(table, name)[row] == pytest.approx(getattr(alone, name), nan_ok=True)


def test_a_table_of_splits_gives_what_its_rows_give() -> None:
    counted = np.random.default_rng(9).integers(0, 300, (4, 3, 2))
    weights = np.array([[1, 1], [1, 2], [1, 0]])
    for row in range(4):
        assert sample_ratio(counted, weights).log_e[row].tolist() == sample_ratio(counted[row], weights).log_e.tolist()
        assert chi_square(counted, weights).log_p[row].tolist() == chi_square(counted[row], weights).log_p.tolist()


def test_plans_and_margins_that_do_not_fit_the_metrics_are_refused_by_name() -> None:
    three = [1.0, 1.0, 1.0]
    with pytest.raises(InvalidArgument, match="margin"):
        MeanDesign.of([1.0, 1.0], margin=three)
    with pytest.raises(InvalidArgument, match="design"):
        sequential_means(MEANS, MeanDesign.of(three))


def test_a_difference_of_more_errors_than_a_float_holds_is_no_warning() -> None:
    control, treatment = Moments.from_variance(2**53, 1e140, 1e-300), Moments.from_variance(2, -1e140, 0.0)
    assert welch(control, treatment).log_p[0] < -1e3
