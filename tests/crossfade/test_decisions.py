"""The order of decision, as a table: each rule beats everything below it."""

from datetime import timedelta
from itertools import combinations

import pytest

from crossfade.decisions import Act, Gate, Situation, decide

HOUR = timedelta(hours=1)

# What makes each rule apply, in the order of the design; each row beats all rows below it.
ORDER: list[tuple[str, Act, dict[str, object]]] = [
    ("emergency stop", Act.STOP, {"stop_requested": True}),
    ("requested rollback", Act.ROLL_BACK, {"rollback_requested": True}),
    ("guardrail breach", Act.ROLL_BACK, {"breached": True}),
    ("paused", Act.HOLD, {"paused": True}),
    ("held", Act.HOLD, {"held": True}),
    ("source error", Act.HOLD, {"source_error": True}),
    ("sample-ratio mismatch", Act.HOLD, {"sample_ratio_mismatch": True}),
    ("no data", Act.HOLD, {"no_data": True}),
    ("hold time", Act.HOLD, {"hold_left": HOUR}),
    ("minimum sample", Act.HOLD, {"samples_missing": 7}),
    ("signals", Act.HOLD, {"failing_signals": ("latency-vs-legacy",)}),
    ("validation", Act.VALIDATE, {"validation": Gate.OPEN}),
    ("approval", Act.HOLD, {"approval": Gate.OPEN}),
    ("calendar", Act.HOLD, {"calendar_open": False}),
    ("conditions", Act.HOLD, {"conditional": True}),
    ("advance", Act.ADVANCE, {}),
]


@pytest.mark.parametrize(("rule", "act", "cause"), ORDER)
def test_each_rule_applies_alone(rule: str, act: Act, cause: dict[str, object]) -> None:
    decision = decide(Situation(**cause))  # type: ignore[arg-type]  # the table holds keyword arguments
    assert (decision.rule, decision.act) == (rule, act)


@pytest.mark.parametrize(("higher", "lower"), list(combinations(range(len(ORDER)), 2)))
def test_a_higher_rule_beats_a_lower_one(higher: int, lower: int) -> None:
    rule, act, cause = ORDER[higher]
    decision = decide(Situation(**{**ORDER[lower][2], **cause}))  # type: ignore[arg-type]
    assert (decision.rule, decision.act) == (rule, act)


def test_everything_at_once_stops() -> None:
    causes: dict[str, object] = {}
    for _, _, cause in ORDER:
        causes |= cause
    assert decide(Situation(**causes)).act is Act.STOP  # type: ignore[arg-type]


@pytest.mark.parametrize("cause", [{"hold_left": HOUR}, {"samples_missing": 1}, {"approval": Gate.OPEN}])
def test_a_promotion_skips_hold_minimum_sample_and_approval(cause: dict[str, object]) -> None:
    assert decide(Situation(promoted=True, **cause)).act is Act.ADVANCE  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cause", "act"),
    [
        ({"breached": True}, Act.ROLL_BACK),
        ({"no_data": True}, Act.HOLD),
        ({"validation": Gate.OPEN}, Act.VALIDATE),
        ({"validation": Gate.FAILED}, Act.ROLL_BACK),
        ({"paused": True}, Act.HOLD),
    ],
)
def test_a_promotion_skips_no_safety(cause: dict[str, object], act: Act) -> None:
    assert decide(Situation(promoted=True, **cause)).act is act  # type: ignore[arg-type]


def test_a_failed_validation_rolls_back_or_holds_as_the_plan_says() -> None:
    assert decide(Situation(validation=Gate.FAILED)).act is Act.ROLL_BACK
    assert decide(Situation(validation=Gate.FAILED, validation_rolls_back=False)).act is Act.HOLD


def test_an_inconclusive_validation_holds_for_a_person() -> None:
    decision = decide(Situation(validation=Gate.INCONCLUSIVE))
    assert decision.act is Act.HOLD
    assert "person" in decision.waits_for


def test_an_expired_approval_holds_or_rolls_back_as_the_plan_says() -> None:
    assert decide(Situation(approval=Gate.FAILED)).act is Act.HOLD
    assert decide(Situation(approval=Gate.FAILED, approval_rolls_back=True)).act is Act.ROLL_BACK


def test_every_hold_says_what_it_waits_for() -> None:
    for _, act, cause in ORDER:
        if act is Act.HOLD:
            assert decide(Situation(**cause)).waits_for  # type: ignore[arg-type]
