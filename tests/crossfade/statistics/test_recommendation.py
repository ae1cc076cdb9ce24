import math
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from crossfade.errors import InvalidArgument
from crossfade.statistics.recommendation import Action, Guardrail, Margin, StepEvidence, recommend

ERRORS = Guardrail(
    name="errorRate",
    margin=Margin(value=1.5, is_ratio=True),
    collected=412,
    estimate=1.1,
    low=0.6,
    high=2.1,
    needed=2587.0,
    left=timedelta(minutes=40),
)
LATENCY = Guardrail(
    name="responseTime.p95",
    margin=Margin(value=0.1, is_relative=True),
    collected=5000,
    estimate=0.01,
    low=-0.02,
    high=0.04,
    is_within=True,
)
SAFE = replace(ERRORS, is_within=True, estimate=1.02, low=0.8, high=1.3)


def step(*guardrails: Guardrail, **facts: bool) -> StepEvidence:
    return replace(StepEvidence(guardrails=guardrails), **facts)  # type: ignore[arg-type]  # only booleans are given


def test_a_mismatch_suspends_everything_even_harm() -> None:
    evidence = step(replace(ERRORS, shows_harm=True), has_mismatch=True)
    said = recommend(replace(evidence, mismatch="candidate received 7.2 % of the users instead of 5 %"))
    assert said.action is Action.INVALID
    assert "7.2 % of the users" in said.sentence


def test_harm_rolls_back_with_metric_estimate_interval_and_margin() -> None:
    said = recommend(step(LATENCY, replace(ERRORS, shows_harm=True, estimate=3.0, low=1.8, high=5.1)))
    assert (said.action, said.metric) == (Action.ROLL_BACK, "errorRate")
    assert said.sentence == (
        "Candidate is shown to be worse: errorRate +200 % (between +80 % and +410 %), margin +50 %."
    )


def test_harm_counts_without_fresh_data_and_at_the_planned_end() -> None:
    harmed = replace(ERRORS, shows_harm=True)
    assert recommend(step(harmed, is_fresh=False)).action is Action.ROLL_BACK
    assert recommend(step(harmed, is_planned_end=True)).action is Action.ROLL_BACK


def test_no_data_is_not_good_data() -> None:
    assert recommend(step()).action is Action.NO_DATA
    assert recommend(step(SAFE, is_fresh=False)).action is Action.NO_DATA
    assert recommend(step(SAFE, replace(ERRORS, collected=0, estimate=None))).action is Action.NO_DATA
    assert recommend(step(is_planned_end=True, is_last=True)).action is Action.NO_DATA


def test_collecting_says_how_many_are_needed_and_how_long_it_takes() -> None:
    said = recommend(step(LATENCY, ERRORS))
    assert (said.action, said.metric) == (Action.KEEP_COLLECTING, "errorRate")
    assert said.sentence == (
        "412 of about 2,600 requests needed to rule out +50 % errorRate; about 40 min at this rate; "
        "so far errorRate +10 % (between -40 % and +110 %)."
    )


@pytest.mark.parametrize(("needed", "left"), [(1e9, timedelta(days=400)), (math.inf, None)])
def test_more_than_90_days_asks_for_another_plan(needed: float, left: timedelta | None) -> None:
    said = recommend(step(replace(ERRORS, needed=needed, left=left)))
    assert said.action is Action.KEEP_COLLECTING
    assert said.change == "> 90 days left: widen the margin or raise the percentage."


def test_the_slowest_guardrail_is_named() -> None:
    slow = replace(ERRORS, name="dropRate", left=timedelta(hours=5))
    assert recommend(step(ERRORS, slow)).metric == "dropRate"


def test_a_person_who_must_approve_is_waited_for_only_when_all_is_well() -> None:
    assert recommend(step(SAFE, LATENCY, needs_person=True)).action is Action.HOLD
    assert recommend(step(ERRORS, needs_person=True)).action is Action.KEEP_COLLECTING


def test_all_within_advances_and_the_last_step_ships() -> None:
    said = recommend(step(SAFE, LATENCY))
    assert said.action is Action.ADVANCE
    assert said.sentence == (
        "All 2 guardrails are within their margins; closest is errorRate +2 % (between -20 % and +30 %), margin +50 %."
    )
    assert recommend(step(SAFE, LATENCY, is_last=True)).action is Action.SHIP


def test_the_planned_end_without_a_decision_is_never_green() -> None:
    said = recommend(step(ERRORS, LATENCY, is_planned_end=True, is_last=True))
    assert said.action is Action.INCONCLUSIVE
    assert "not a pass" in said.change


def test_ship_and_advance_always_have_every_guardrail_within() -> None:
    names = ("has_mismatch", "is_fresh", "needs_person", "is_last", "is_planned_end")
    for facts in product([False, True], repeat=5):
        for harm, within, silent in product([False, True], repeat=3):
            guardrail = replace(ERRORS, shows_harm=harm, is_within=within, estimate=None if silent else 1.1)
            said = recommend(step(LATENCY, guardrail, **dict(zip(names, facts, strict=True))))
            if said.action in (Action.ADVANCE, Action.SHIP, Action.HOLD):
                assert (within, harm, silent, facts[0]) == (True, False, False, False)
            assert said.sentence.endswith(".")
            assert said.change.endswith(".")


def test_conversions_and_units_are_told_in_their_own_way() -> None:
    conversions = Guardrail(
        name="conversion",
        margin=Margin(value=0.1, is_relative=True, lower_is_better=False),
        collected=900,
        estimate=-0.02,
        low=-0.2,
        high=0.3,
        collects="users",
    )
    said = recommend(step(conversions))
    assert said.sentence.startswith("900 users are not enough, and how many are needed to rule out -10 % conversion")
    latency = replace(LATENCY, margin=Margin(value=20, unit="ms"), estimate=3.0, low=-1.5, high=7.25)
    assert "+3 ms (between -1.5 ms and +7.25 ms), margin +20 ms" in recommend(step(latency)).sentence


def test_an_open_interval_is_told_in_words() -> None:
    assert "between -100 % and any more" in recommend(step(replace(ERRORS, low=0.0, high=math.inf))).sentence


def test_errors_that_legacy_does_not_have_are_told_in_words() -> None:
    alone = replace(ERRORS, shows_harm=True, estimate=math.inf, low=1.2, high=math.inf)
    assert "errorRate in candidate only (between +20 % and any more)" in recommend(step(alone)).sentence


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [("collected", -1), ("estimate", math.nan), ("low", 5.0), ("high", math.nan), ("needed", math.nan)],
)
def test_a_guardrail_that_cannot_be_is_refused_by_name(argument: str, wrong: float) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        replace(ERRORS, **{argument: wrong})  # type: ignore[arg-type]  # the wrong value is the point
    assert refusal.value.argument == argument


@pytest.mark.parametrize(("value", "is_ratio"), [(math.nan, False), (-0.1, False), (0.9, True), (math.inf, True)])
def test_a_margin_that_cannot_be_is_refused(value: float, *, is_ratio: bool) -> None:
    with pytest.raises(InvalidArgument):
        Margin(value=value, is_ratio=is_ratio)
