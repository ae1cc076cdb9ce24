import pytest

from examples.airports.text import essence, fold, is_clean, words


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("São Paulo", "sao paulo"),
        ("ÍSAFJÖRÐUR", "isafjordur"),
        ("Łódź", "lodz"),
        ("O'Hare", "o'hare"),
        ("Straße", "strasse"),
    ],
)
def test_folding_leaves_lower_case_without_accents(typed: str, folded: str) -> None:
    assert fold(typed) == folded


def test_words_are_parted_by_one_blank() -> None:
    assert words("o'hare -- st.louis ") == "o hare st louis"


def test_the_essence_leaves_out_what_kind_of_place_it_is() -> None:
    assert essence("charles de gaulle international airport") == "charles de gaulle"


def test_a_name_of_kind_words_only_keeps_them() -> None:
    assert essence("air base") == "air base"


@pytest.mark.parametrize("text", ["a\x00b", "tab\there", "\ud800", "x" * 11])
def test_what_cannot_be_a_search_is_not_clean(text: str) -> None:
    assert not is_clean(text, longest=10)


def test_punctuation_and_pictures_are_clean() -> None:
    assert is_clean("'; --🛫", longest=10)
