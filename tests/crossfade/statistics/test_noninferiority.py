import numpy as np
import pytest

from crossfade.errors import InvalidArgument
from crossfade.statistics.accumulators import Counts, Moments
from crossfade.statistics.noninferiority import judge_guardrails, noninferior_means, noninferior_proportions


def test_direction_mirrors_the_test() -> None:
    arms = Moments.from_variance(500, 100.0, 25.0), Moments.from_variance(400, 101.0, 16.0)
    mirrored = Moments.from_variance(500, -100.0, 25.0), Moments.from_variance(400, -101.0, 16.0)
    lower = noninferior_means(*arms, margin=2.0)
    higher = noninferior_means(*mirrored, margin=2.0, lower_is_better=False)
    assert lower.p[0] == higher.p[0] < 0.01
    assert lower.statistic[0] == -higher.statistic[0]


def test_a_wider_margin_is_easier_to_keep() -> None:
    arms = Counts.of(1000, 100), Counts.of(1000, 105)
    assert noninferior_proportions(*arms, margin=0.05).p[0] < noninferior_proportions(*arms, margin=0.02).p[0]


def test_shares_near_1_keep_their_digits() -> None:
    """Reference: mpmath with 50 digits."""
    arms = Counts.of(10**12, 10**12 - 1000), Counts.of(10**12, 10**12 - 1200)
    result = noninferior_proportions(*arms, margin=1e-10, lower_is_better=False)
    assert result.statistic[0] == pytest.approx(-2.132007164738399148, rel=1e-14)


@pytest.mark.parametrize("n", [0, 1])
def test_without_data_nothing_is_shown(n: int) -> None:
    means = noninferior_means(Moments.from_variance(9, 1.0, 1.0), Moments.from_variance(n, 1.0, np.nan), margin=1.0)
    shares = noninferior_proportions(Counts.of(9, 1), Counts.of(n, 0), margin=0.1)
    assert means.status[0] == shares.status[0] == "insufficient_data"
    assert np.isnan([means.p[0], shares.p[0]]).all()


def test_one_harmed_guardrail_is_enough_and_all_must_be_within() -> None:
    judged = judge_guardrails([np.log(61), 0.0, np.nan], [0.0, np.log(20.1), np.log(100)], alpha=0.05)
    assert judged.harmed.tolist() == [True, False, False]
    assert judged.within.tolist() == [False, True, True]
    assert (judged.shows_harm, judged.shows_safety) == (True, False)


def test_harm_pays_for_the_number_of_guardrails_and_safety_does_not() -> None:
    assert judge_guardrails([np.log(21)], [np.log(21)]).shows_harm
    many = judge_guardrails([np.log(21)] * 3, [np.log(21)] * 3)
    assert (many.shows_harm, many.shows_safety) == (False, True)


def test_no_decision_is_neither_harm_nor_safety() -> None:
    judged = judge_guardrails([np.nan, np.nan], [np.nan, np.nan])
    assert (judged.shows_harm, judged.shows_safety) == (False, False)
    assert not judge_guardrails([], []).shows_safety


def test_a_direction_is_true_or_false() -> None:
    arms = Counts.of(9, 1), Counts.of(9, 1)
    with pytest.raises(InvalidArgument) as refusal:
        noninferior_proportions(*arms, margin=0.1, lower_is_better=1)
    assert refusal.value.argument == "lower_is_better"
