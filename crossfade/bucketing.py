"""Which targeting keys are on candidate: exact, monotone, sticky, the same in every language.

`h = murmur3_x86_32(utf8(salt + ":" + key), seed 0)`, unsigned; candidate iff
`h < ceil(percentage * 2**32 / 100)`. The percentage is never hashed, so who is in at 5 %
is in at 25 %.
"""

from decimal import Decimal

from mmh3 import mmh3_32_uintdigest

from crossfade.percentages import percentage as exact

SPACE = 2**32
"""How many values the hash can take."""


def cut(percentage: Decimal) -> int:
    """The first hash value that is not on candidate at this percentage, computed in integers."""
    numerator, denominator = percentage.as_integer_ratio()
    return -(-numerator * SPACE // (denominator * 100))


def prefix(salt: str) -> bytes:
    """What stands before the key in the hashed bytes."""
    return f"{salt}:".encode()


def bucket(salt: str, key: str) -> int:
    """The place of a key in 0..2**32-1.

    Raises:
        UnicodeEncodeError: The key holds a lone surrogate, which no UTF-8 can say.
    """
    return mmh3_32_uintdigest(prefix(salt) + key.encode())


def serves_candidate(salt: str, targeting_key: str, percentage: Decimal | float) -> bool:
    """Whether this key is on candidate at this percentage: the whole decision, for tests and tools.

    Raises:
        InvalidPercentage: Not a number from 0 to 100 in steps of 0.001; a float is read as it prints (0.1 is 0.1).
        UnicodeEncodeError: The key, or the salt, holds a lone surrogate.
    """
    return bucket(salt, targeting_key) < cut(exact(percentage))
