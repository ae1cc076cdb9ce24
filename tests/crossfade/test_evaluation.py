from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.bucketing import serves_candidate
from crossfade.evaluation import compile_enabled, compile_flag, unknown_flag
from crossfade.flags import AttributeCondition, Conditions, Flag, Reason
from crossfade.states import Variant
from tests.crossfade.flag_builder import flag

LEGACY, CANDIDATE = Variant.LEGACY, Variant.CANDIDATE
BETA = Conditions(user_groups=("beta",))
ODD = Conditions(attributes={"age": AttributeCondition("gt", (5,))})
OVERRIDES = {"vip": CANDIDATE, "careful": LEGACY}
VIP = {"targetingKey": "vip"}
ANYONE: dict[str, object] = {}


@pytest.mark.parametrize(
    ("subject", "context", "variant", "reason"),
    [
        (flag(100, enabled=False, overrides=OVERRIDES), VIP, LEGACY, Reason.DISABLED),
        (flag(100, ceiling=Decimal(0), overrides=OVERRIDES), VIP, LEGACY, Reason.DISABLED),
        (flag(0, overrides=OVERRIDES, conditions=BETA), VIP, CANDIDATE, Reason.TARGETING_MATCH),
        (flag(100, overrides=OVERRIDES), {"targetingKey": "careful"}, LEGACY, Reason.TARGETING_MATCH),
        (flag(100, conditions=BETA), VIP, LEGACY, Reason.TARGETING_MATCH),
        (flag(100, conditions=BETA), {"userGroups": ["beta"]}, CANDIDATE, Reason.STATIC),
        (flag(100, conditions=ODD), {"age": "6"}, LEGACY, Reason.TYPE_MISMATCH),
        (flag(0), ANYONE, LEGACY, Reason.STATIC),
        (flag(100), ANYONE, CANDIDATE, Reason.STATIC),
        (flag(100, ceiling=Decimal(50)), ANYONE, LEGACY, Reason.TARGETING_KEY_MISSING),
        (flag(50), ANYONE, LEGACY, Reason.TARGETING_KEY_MISSING),
        (flag(99.999), {"targetingKey": ""}, LEGACY, Reason.TARGETING_KEY_MISSING),
        (flag(99.999), {"targetingKey": 17}, LEGACY, Reason.TARGETING_KEY_MISSING),
        (flag(99.999), {"targetingKey": None}, LEGACY, Reason.TARGETING_KEY_MISSING),
        (flag(99.999), {"targetingKey": ["u"]}, LEGACY, Reason.TARGETING_KEY_MISSING),
        (flag(99.999, overrides=OVERRIDES), {"targetingKey": ["u"]}, LEGACY, Reason.TARGETING_KEY_MISSING),
        (flag(99.999), {"targetingKey": "u\ud800"}, LEGACY, Reason.TARGETING_KEY_MISSING),
        (flag(99.999), {"targetingKey": "u"}, CANDIDATE, Reason.SPLIT),
        (flag(0.001), {"targetingKey": "u"}, LEGACY, Reason.SPLIT),
    ],
)
def test_the_order_of_evaluation(subject: Flag, context: dict[str, object], variant: Variant, reason: Reason) -> None:
    evaluation = compile_flag(subject)(context)
    assert (evaluation.variant, evaluation.reason, evaluation.revision) == (variant, reason, 7)
    assert compile_enabled(subject)(context) is (variant is CANDIDATE)


def test_an_unknown_flag_says_so() -> None:
    assert (unknown_flag().variant, unknown_flag().reason) == (LEGACY, Reason.FLAG_NOT_FOUND)


keys = st.text(max_size=12)
contexts = st.fixed_dictionaries(
    {},
    optional={
        "targetingKey": st.one_of(keys, st.none(), st.integers(), st.sampled_from(list(OVERRIDES))),
        "userGroups": st.one_of(st.lists(st.sampled_from(["beta", "staff"])), st.just("beta")),
        "accountId": st.one_of(keys, st.none(), st.integers()),
        "age": st.one_of(st.integers(), st.text(max_size=2)),
    },
)
percentages = st.integers(0, 100_000).map(lambda n: Decimal(n) / 1000)
subjects = st.builds(
    flag,
    percentage=percentages,
    ceiling=percentages,
    enabled=st.booleans(),
    conditions=st.sampled_from([Conditions(), BETA, ODD, Conditions(environment="other")]),
    overrides=st.sampled_from([{}, OVERRIDES]),
    targeting_key=st.sampled_from(["targetingKey", "accountId"]),
)


@given(subjects, contexts)
def test_the_short_way_says_what_the_long_way_says(subject: Flag, context: dict[str, object]) -> None:
    assert compile_enabled(subject)(context) is compile_flag(subject)(context).is_candidate


@given(contexts, st.sampled_from([{"enabled": False}, {"ceiling": Decimal(0)}]), percentages)
def test_a_stopped_flag_serves_legacy_to_everyone(
    context: dict[str, object], stop: dict[str, Any], percentage: Decimal
) -> None:
    subject = flag(percentage, overrides=OVERRIDES, **stop)
    assert compile_flag(subject)(context).variant is LEGACY
    assert compile_enabled(subject)(context) is False


@given(subjects, contexts, percentages)
def test_nobody_leaves_candidate_while_the_percentage_grows(
    subject: Flag, context: dict[str, object], more: Decimal
) -> None:
    low, high = sorted((subject.percentage, more))
    changes = {"conditions": subject.conditions, "overrides": subject.overrides}
    before, after = flag(low, **changes), flag(high, **changes)
    assert compile_enabled(before)(context) <= compile_enabled(after)(context)


@given(st.text(st.characters(codec="utf-8"), min_size=1), percentages, percentages)
def test_a_split_follows_the_served_percentage(key: str, percentage: Decimal, ceiling: Decimal) -> None:
    subject = flag(percentage, ceiling=ceiling, salt="phase-1")
    expected = serves_candidate("phase-1", key, min(percentage, ceiling))
    assert compile_enabled(subject)({"targetingKey": key}) is expected


def test_another_attribute_is_hashed_when_the_flag_names_it() -> None:
    decide = compile_flag(flag(50, targeting_key="accountId"))
    by_account = [decide({"accountId": f"a{n}", "targetingKey": "same"}).variant for n in range(100)]
    assert set(by_account) == {LEGACY, CANDIDATE}
    assert decide({"targetingKey": "a1"}) == decide({"accountId": "a1"})


@pytest.mark.parametrize(("percentage", "control_share"), [(10, 0.10), (50, 0.50), (75, 0.25), (99, 0.01)])
def test_the_control_is_the_next_slice_of_equal_width_or_what_is_left(percentage: int, control_share: float) -> None:
    decide = compile_flag(flag(percentage))
    cohorts = [decide({"targetingKey": f"u{n}"}) for n in range(20_000)]
    share = sum(evaluation.cohort == "control" for evaluation in cohorts) / len(cohorts)
    assert abs(share - control_share) < 0.016
    assert all((e.cohort == "candidate") is e.is_candidate for e in cohorts)


@pytest.mark.parametrize("subject", [flag(0), flag(100), flag(50, overrides=OVERRIDES)])
def test_what_chance_did_not_decide_is_in_no_cohort(subject: Flag) -> None:
    assert compile_flag(subject)(VIP).cohort is None


def test_answers_are_shared() -> None:
    decide = compile_flag(flag(50))
    answers = {id(decide({"targetingKey": f"u{n}"})) for n in range(1000)}
    assert len(answers) == 2
