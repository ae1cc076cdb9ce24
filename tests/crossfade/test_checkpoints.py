import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.checkpoints import CheckpointJudgement, judge, smallest_sample
from crossfade.errors import InvalidArgument
from crossfade.states import Verdict


def judged(compared: int, mismatched: int, max_mismatch: float = 0.01, confidence: float = 0.95) -> CheckpointJudgement:
    return judge(compared=compared, mismatched=mismatched, max_mismatch=max_mismatch, confidence=confidence)


def test_a_thousand_equal_answers_prove_three_permille_not_one() -> None:
    assert judged(1000, 0, 0.003).verdict is Verdict.PASS
    assert judged(1000, 0, 0.001).verdict is Verdict.INCONCLUSIVE


def test_one_permille_needs_2995_equal_answers() -> None:
    assert smallest_sample(0.001, 0.95) == 2995
    assert judged(2994, 0, 0.001).samples_needed == 1
    assert judged(2995, 0, 0.001).verdict is Verdict.PASS


def test_one_mismatch_in_300_proves_neither_side_of_one_percent() -> None:
    judgement = judged(300, 1)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.upper == pytest.approx(0.0157, abs=5e-5)


def test_the_samples_needed_are_exactly_enough() -> None:
    needed = judged(300, 1).samples_needed
    assert judged(300 + needed, 1).verdict is Verdict.PASS
    assert judged(300 + needed - 1, 1).verdict is Verdict.INCONCLUSIVE


def test_twenty_percent_wrong_fails_at_once() -> None:
    judgement = judged(60, 12, 0.05)
    assert (judgement.verdict, judgement.samples_needed) == (Verdict.FAIL, 0)
    assert judgement.lower > 0.05


def test_nothing_compared_is_inconclusive_and_says_how_much_is_missing() -> None:
    assert judged(0, 0) == CheckpointJudgement(verdict=Verdict.INCONCLUSIVE, lower=0, upper=1, samples_needed=299)


def test_a_bound_that_equals_the_limit_passes() -> None:
    assert smallest_sample(0.5, 0.75) == 2
    assert judged(2, 0, 0.5, 0.75).verdict is Verdict.PASS


@given(limit=st.floats(1e-5, 0.5), confidence=st.floats(0.5, 0.9999))
def test_the_smallest_sample_is_the_smallest_that_passes(limit: float, confidence: float) -> None:
    sample = smallest_sample(limit, confidence)
    assert judged(sample, 0, limit, confidence).verdict is Verdict.PASS
    assert judged(sample - 1, 0, limit, confidence).verdict is Verdict.INCONCLUSIVE


@given(compared=st.integers(0, 5000), share=st.floats(0, 1), limit=st.floats(0.001, 0.3))
def test_the_samples_needed_pass_whatever_was_seen(compared: int, share: float, limit: float) -> None:
    mismatched = int(share * compared)
    judgement = judged(compared, mismatched, limit)
    if judgement.verdict is Verdict.INCONCLUSIVE:
        assert judged(compared + judgement.samples_needed, mismatched, limit).verdict is Verdict.PASS
    assert judgement.lower <= judgement.upper


@pytest.mark.parametrize("bad", [0, 1, -0.1, 1.5, math.nan, math.inf])
def test_a_fraction_outside_0_to_1_is_refused_by_name(bad: float) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        judged(10, 0, max_mismatch=bad)
    assert refusal.value.argument == "max_mismatch"
    with pytest.raises(InvalidArgument) as refusal:
        smallest_sample(0.1, bad)
    assert refusal.value.argument == "confidence"


def test_more_mismatched_than_compared_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="events must not exceed trials"):
        judged(10, 11)
