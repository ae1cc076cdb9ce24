"""The log-histogram of `crossfade.histogram`, vectorised: same buckets, same bytes, many histograms at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossfade import histogram as single
from crossfade.errors import InvalidArgument

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

_RECORD = np.dtype([("bucket", "<i2"), ("count", "<u4")])
# np.log and math.log may differ in the last bit; closer than this to a bucket's edge, math.log decides.
_EDGE = 1e-7
# A table of sums may have so many fields, and so many more for each record.
_WIDEST, _SPARSEST = 2**20, 8


def indexes(values: ArrayLike) -> Integers:
    """The bucket of each value, as `crossfade.histogram.index` gives it.

    Raises:
        InvalidArgument: A value is not a finite number above 0.
    """
    given = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if not bool(np.all((given > 0) & np.isfinite(given))):
        raise InvalidArgument("values", "must be finite numbers above 0")
    exact = np.log(given) / single.LOG_GAMMA
    buckets = np.ceil(exact).astype(np.int64)
    for at_edge in np.flatnonzero(np.abs(exact - np.rint(exact)) < _EDGE):
        buckets[at_edge] = single.index(float(given[at_edge]))
    clipped: Integers = np.clip(buckets, single.LOWEST, single.HIGHEST)
    return clipped


def encode(values: ArrayLike) -> bytes:
    """The encoded histogram of values above 0."""
    buckets, counts = np.unique(indexes(values), return_counts=True)
    records = np.empty(len(buckets), dtype=_RECORD)
    records["bucket"], records["count"] = buckets, counts
    return records.tobytes()


@dataclass(frozen=True, slots=True)
class Histograms:
    """Many histograms side by side, as their records: sorted by histogram, then by bucket; a bucket may recur.

    Attributes:
        size: How many histograms, empty ones too.
        owners: Which histogram each record belongs to.
        buckets: The bucket of each record.
        counts: The count of each record.
    """

    size: int
    owners: Integers
    buckets: Integers
    counts: Integers

    @classmethod
    def decoded(cls, encodings: Sequence[bytes]) -> Self:
        """The histograms of some encodings, each of which may be several in a row.

        Raises:
            InvalidArgument: The length of one is not a whole number of records.
        """
        owners, buckets, counts = _records(encodings)
        order = np.lexsort((buckets, owners))
        return cls(len(encodings), owners[order], buckets[order].astype(np.int64), counts[order].astype(np.int64))

    @classmethod
    def summed(cls, encodings: Sequence[bytes]) -> Self:
        """The same histograms with no bucket twice, without sorting: for many encodings in a row.

        Raises:
            InvalidArgument: The length of one is not a whole number of records.
        """
        owners, buckets, counts = _records(encodings)
        if not len(counts):
            return cls.decoded(encodings)
        lowest = int(buckets.min())
        width = int(buckets.max()) - lowest + 1
        # A table of all buckets of all histograms: not where a few values lie far apart.
        if len(encodings) * width > _WIDEST + _SPARSEST * len(counts):
            return cls.decoded(encodings)
        sums = np.bincount(owners * width + (buckets.astype(np.int64) - lowest), weights=counts)
        filled = np.flatnonzero(sums)
        return cls(len(encodings), filled // width, filled % width + lowest, sums[filled].astype(np.int64))

    def totals(self) -> Integers:
        """How many values each histogram holds."""
        return self._sums(self.counts)

    def above(self, limits: ArrayLike) -> Integers:
        """How many values of each histogram lie in buckets above that of its limit.

        The bucket of the limit itself counts as not above. A limit of 0 or less has every value above it.
        """
        given = np.broadcast_to(np.asarray(limits, dtype=np.float64), (self.size,))
        edges = np.full(self.size, single.LOWEST - 1, dtype=np.int64)
        edges[given > 0] = indexes(given[given > 0])
        return self._sums(np.where(self.buckets > edges[self.owners], self.counts, 0))

    def quantiles(self, shares: ArrayLike, *, zeros: ArrayLike = 0) -> Floats:
        """The value below which a share of each histogram's values lies; NaN for an empty one.

        Args:
            shares: For each histogram, from 0 to 1.
            zeros: How many values of each were not above 0 and stand before the others.
        """
        totals = self.totals() + np.broadcast_to(np.asarray(zeros, dtype=np.int64), (self.size,))
        return self.at_ranks(np.broadcast_to(np.asarray(shares, dtype=np.float64), (self.size,)) * (totals - 1), zeros)

    def at_ranks(self, ranks: ArrayLike, zeros: ArrayLike = 0) -> Floats:
        """The value at a rank, counted from 0, of each histogram; NaN for an empty one.

        Args:
            ranks: For each histogram, from 0 to its number of values less 1.
            zeros: How many values of each were not above 0 and stand before the others.
        """
        before = np.broadcast_to(np.asarray(zeros, dtype=np.int64), (self.size,))
        totals = self.totals() + before
        ranks = np.broadcast_to(np.asarray(ranks, dtype=np.float64), (self.size,))
        # The count of all earlier histograms, subtracted from the running sum, restarts it at each histogram.
        starts = np.cumsum(self.totals()) - self.totals()
        seen = np.cumsum(self.counts) - starts[self.owners] + before[self.owners]
        passed = np.bincount(self.owners[seen <= ranks[self.owners]], minlength=self.size)
        firsts = np.searchsorted(self.owners, np.arange(self.size))
        lasts = np.searchsorted(self.owners, np.arange(self.size), side="right") - 1
        values = np.where(totals > 0, 0.0, np.nan)
        told = (ranks >= before) & (lasts >= firsts)
        chosen = self.buckets[np.minimum(firsts + passed, lasts)[told]]
        values[told] = 2 * np.exp(chosen * single.LOG_GAMMA) / (single.GAMMA + 1)
        return values

    def _sums(self, counts: Integers) -> Integers:
        running = np.concatenate(([0], np.cumsum(counts)))
        ends = np.searchsorted(self.owners, np.arange(self.size + 1))
        sums: Integers = running[ends[1:]] - running[ends[:-1]]
        return sums


def _records(encodings: Sequence[bytes]) -> tuple[Integers, NDArray[np.int16], NDArray[np.uint32]]:
    """The owner, bucket and count of each record, as they come."""
    lengths = np.fromiter(map(len, encodings), dtype=np.int64, count=len(encodings))
    if not bool(np.all(lengths % _RECORD.itemsize == 0)):
        raise InvalidArgument("encodings", "must hold whole records")
    records = np.frombuffer(b"".join(encodings), dtype=_RECORD)
    return np.repeat(np.arange(len(encodings)), lengths // _RECORD.itemsize), records["bucket"], records["count"]
