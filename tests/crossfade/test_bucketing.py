"""The laws of bucketing, and vectors that may never change: they say who is on candidate today."""

import json
from decimal import Decimal
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.bucketing import SPACE, bucket, cut, serves_candidate

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "bucketing.json").read_text())
KEYS = [f"user-{number}" for number in range(20_000)]
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


@pytest.mark.parametrize("salt", ["search-fuzzy", "phase-2", "é", "a:b", "0"])
@pytest.mark.parametrize("percentage", ["0.1", "1", "5", "25", "50", "99.9"])
def test_the_share_of_candidates_is_the_percentage(salt: str, percentage: str) -> None:
    share = float(percentage) / 100
    on = sum(serves_candidate(salt, key, Decimal(percentage)) for key in KEYS)
    assert abs(on - share * len(KEYS)) < 4.5 * sqrt(len(KEYS) * share * (1 - share)) + 1


def test_places_are_spread_evenly() -> None:
    """Chi-square of 64 equal slices: 63 degrees of freedom, 4.5 sigma above and below the mean."""
    for salt in ("search-fuzzy", "phase-2", "é"):
        slices = [0] * 64
        for key in KEYS:
            slices[bucket(salt, key) * 64 // SPACE] += 1
        expected = len(KEYS) / 64
        chi_square = sum((count - expected) ** 2 / expected for count in slices)
        assert abs(chi_square - 63) < 4.5 * sqrt(2 * 63)


def test_flags_with_different_salts_choose_independently() -> None:
    half = Decimal(50)
    salts = ("search-fuzzy", "search-full-text", "search-simple-matching")
    chosen = {salt: [serves_candidate(salt, key, half) for key in KEYS] for salt in salts}
    for one, other in ((0, 1), (0, 2), (1, 2)):
        both = sum(a and b for a, b in zip(chosen[salts[one]], chosen[salts[other]], strict=True))
        assert abs(both - len(KEYS) / 4) < 4.5 * sqrt(len(KEYS) * 3 / 16)


def test_flags_that_share_a_salt_choose_the_same_people() -> None:
    chosen = [{key for key in KEYS if serves_candidate("phase-2", key, Decimal(25))} for _ in range(3)]
    assert chosen[0] == chosen[1] == chosen[2]


@given(st.text(max_size=10), st.integers(0xD800, 0xDFFF).map(chr), st.text(max_size=10))
def test_a_lone_surrogate_is_refused(before: str, surrogate: str, after: str) -> None:
    with pytest.raises(UnicodeEncodeError):
        bucket("salt", before + surrogate + after)


def test_two_spellings_of_one_accent_are_two_keys() -> None:
    assert bucket("salt", "\u00e9") != bucket("salt", "e\u0301")
