"""A histogram whose every quantile is right within 1 %, and that merges by adding counts.

Value v falls into bucket `i = ceil(ln v / ln g)` with `g = (1 + a) / (1 - a)`, a = 1 %, and is
told again as `2 g**i / (g + 1)` (Masson, Rim, Lee 2019, DDSketch, section 2.1). Values that are
not above 0 have no bucket; whoever counts keeps them apart.
"""

import struct
from collections.abc import Iterable, Mapping
from math import ceil, exp, log

ACCURACY = 0.01
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
LOG_GAMMA = log(GAMMA)
LOWEST, HIGHEST = -(2**15), 2**15 - 1
MOST_COUNTED = 2**32 - 1
_RECORD = struct.Struct("<hI")


def index(value: float) -> int:
    """The bucket of a value above 0; the infinitely small and large fall into the outermost ones.

    Raises:
        ValueError: The value is not a finite number above 0.
    """
    if not 0 < value < float("inf"):
        raise ValueError("a finite number above 0 has a bucket")
    return min(max(ceil(log(value) / LOG_GAMMA), LOWEST), HIGHEST)


def estimate(bucket: int) -> float:
    """The value that stands for a bucket: at most 1 % away from any value in it."""
    return 2 * exp(bucket * LOG_GAMMA) / (GAMMA + 1)


def merge(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """The histogram of all values together."""
    merged: dict[int, int] = {}
    for histogram in histograms:
        for bucket, count in histogram.items():
            merged[bucket] = merged.get(bucket, 0) + count
    return merged


def quantile(counts: Mapping[int, int], q: float, *, zeros: int = 0) -> float | None:
    """The value below which a share `q` of the values lies, or None when there are none.

    `zeros` is how many values were not above 0.
    """
    total = zeros + sum(counts.values())
    if not total:
        return None
    rank = q * (total - 1)
    seen = zeros
    if rank < seen:
        return 0.0
    highest = 0
    for highest in sorted(counts):
        seen += counts[highest]
        if rank < seen:
            break
    return estimate(highest)


def encode(counts: Mapping[int, int]) -> bytes:
    """Little-endian records of int16 bucket and uint32 count, by bucket; two encodings in a row are one, too.

    A count that does not fit takes several records.
    """
    return b"".join(_records(counts))


def decode(encoded: bytes) -> dict[int, int]:
    """The counts of one encoding, or of several in a row.

    Raises:
        ValueError: The length is not a whole number of records.
    """
    if len(encoded) % _RECORD.size:
        raise ValueError("the encoded histogram is cut off")
    counts: dict[int, int] = {}
    for bucket, count in _RECORD.iter_unpack(encoded):
        counts[bucket] = counts.get(bucket, 0) + count
    return counts


def _records(counts: Mapping[int, int]) -> Iterable[bytes]:
    for bucket in sorted(counts):
        left = counts[bucket]
        while left > 0:
            yield _RECORD.pack(bucket, min(left, MOST_COUNTED))
            left -= MOST_COUNTED
