"""Text as people type it, made comparable."""

import re
import unicodedata

_SPELT_OUT = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ð": "d", "þ": "th", "ł": "l", "đ": "d"})
_NOT_A_WORD = re.compile(r"[\W_]+")
_KIND_WORDS = frozenset(
    {"aerodrome", "aerodromo", "aeroport", "aeroporto", "aeropuerto", "air", "airfield", "airport", "airstrip", "base"}
    | {"domestic", "field", "flughafen", "heliport", "international", "intl", "municipal", "regional", "strip"}
)


def fold(text: str) -> str:
    """Lower-case text without accents; punctuation stays."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.lower().translate(_SPELT_OUT))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def words(text: str) -> str:
    """Only letters and digits in words parted by one blank."""
    return _NOT_A_WORD.sub(" ", text).strip()


def essence(text: str) -> str:
    """What tells one airport from the others: its words without those that name the kind of place.

    A name that consists of nothing else ("Air Base") keeps all its words.
    """
    every = words(text).split()
    return " ".join(word for word in every if word not in _KIND_WORDS) or " ".join(every)


def is_clean(text: str, *, longest: int) -> bool:
    """Whether text can be a search: no control characters, no lone surrogates, not too long."""
    return len(text) <= longest and not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)
