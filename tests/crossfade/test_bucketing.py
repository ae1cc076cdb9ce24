"""The laws of bucketing, and vectors that may never change: they say who is on candidate today."""

import json
from bisect import bisect_left
from decimal import Decimal
from itertools import combinations, pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.bucketing import SPACE, bucket, cut, serves_candidate
from crossfade.errors import InvalidPercentage

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "bucketing.json").read_text())
KEYS = [f"user-{number}" for number in range(20_000)]
MANY_KEYS = [f"account:{number}" for number in range(100_000)]
SALTS = ["search-fuzzy", "phase-2", "é", "a:b", "0", *(f"salt-{number}" for number in range(15))]
percentages = st.integers(0, 100_000).map(lambda n: Decimal(n) / 1000)
texts = st.text(st.characters(codec="utf-8"), max_size=40)


@pytest.mark.parametrize("vector", VECTORS["keys"], ids=lambda vector: f"{vector['hash']:08x}")
def test_every_key_keeps_its_place_for_ever(vector: dict[str, Any]) -> None:
    assert bucket(vector["salt"], vector["key"]) == vector["hash"]


@pytest.mark.parametrize("percentage", VECTORS["cuts"])
def test_every_percentage_keeps_its_cut_and_its_people(percentage: str) -> None:
    assert cut(Decimal(percentage)) == VECTORS["cuts"][percentage]
    for vector in VECTORS["keys"]:
        is_on = Decimal(vector["firstOn"]) <= Decimal(percentage)
        assert serves_candidate(vector["salt"], vector["key"], Decimal(percentage)) is is_on


@given(texts, texts, percentages, percentages)
def test_whoever_is_in_stays_in_while_the_percentage_grows(salt: str, key: str, one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    assert serves_candidate(salt, key, low) <= serves_candidate(salt, key, high)


@given(texts, texts, percentages)
def test_going_down_and_up_again_returns_the_same_people(salt: str, key: str, percentage: Decimal) -> None:
    before = serves_candidate(salt, key, percentage)
    serves_candidate(salt, key, Decimal(0))
    assert serves_candidate(salt, key, percentage) is before


@given(texts, texts)
def test_nobody_is_in_at_0_and_everybody_at_100(salt: str, key: str) -> None:
    assert not serves_candidate(salt, key, Decimal(0))
    assert serves_candidate(salt, key, Decimal(100))


@given(percentages)
def test_the_cut_is_exact_to_a_single_hash_value(percentage: Decimal) -> None:
    exact = percentage * SPACE  # hundredths of hash values, exact in 28 digits
    assert (cut(percentage) - 1) * 100 < exact <= cut(percentage) * 100


def test_the_outermost_steps_are_neither_nobody_nor_everybody() -> None:
    assert 0 < cut(Decimal("0.001")) < SPACE * Decimal("0.0000101")
    assert SPACE * Decimal("0.9999899") < cut(Decimal("99.999")) < SPACE


def test_a_float_is_read_as_it_prints() -> None:
    keys = KEYS[:2_000]

    assert [serves_candidate("f", key, 12.345) for key in keys] == [
        serves_candidate("f", key, Decimal("12.345")) for key in keys
    ]


@pytest.mark.parametrize("percentage", [-0.001, 100.001, 0.0001, float("nan"), float("inf"), True])
def test_what_is_no_percentage_is_refused(percentage: float) -> None:
    with pytest.raises(InvalidPercentage):
        serves_candidate("salt", "key", percentage)


@pytest.mark.parametrize(("salt", "key"), [("salt", "\ud800"), ("\udfff", "key")])
def test_what_utf_8_cannot_say_is_refused(salt: str, key: str) -> None:
    with pytest.raises(UnicodeEncodeError):
        serves_candidate(salt, key, 50)


def test_a_key_may_be_of_any_length() -> None:
    long = "k" * 70_000

    assert bucket("salt", long) != bucket("salt", long + "k")
    assert serves_candidate("salt", long, 100)


@pytest.mark.parametrize("salt", SALTS)
def test_the_share_of_candidates_is_the_percentage_and_places_are_spread_evenly(salt: str) -> None:
    """4.5 sigma of a binomial; chi-square of 64 equal slices, 63 degrees of freedom."""
    places = sorted(bucket(salt, key) for key in MANY_KEYS)
    for percentage in ("0.1", "1", "5", "25", "50", "99.9"):
        share = float(percentage) / 100
        on = bisect_left(places, cut(Decimal(percentage)))
        assert abs(on - share * len(places)) < 4.5 * sqrt(len(places) * share * (1 - share)) + 1
    ends = [bisect_left(places, (number + 1) * SPACE // 64) for number in range(64)]
    expected = len(places) / 64
    chi_square = sum((end - start - expected) ** 2 / expected for start, end in pairwise((0, *ends)))
    assert abs(chi_square - 63) < 4.5 * sqrt(2 * 63)


def test_flags_of_different_salts_choose_independently_and_of_equal_salts_alike() -> None:
    """Of those whom one flag chooses, another chooses its own share: 4.5 sigma for each pair of the salts."""
    chosen = [{key for key in KEYS if serves_candidate(salt, key, 25)} for salt in SALTS]
    sigma = sqrt(len(KEYS) * 0.0625 * 0.9375)

    assert all(abs(len(one & other) - len(KEYS) * 0.0625) < 4.5 * sigma for one, other in combinations(chosen, 2))
    assert {key for key in KEYS if serves_candidate(SALTS[0], key, 25)} == chosen[0]
