"""Screen a batch of metrics: refuse what is malformed, drop what is too old, put the rest on the server's clock."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from crossfade import histogram
from crossfade.errors import InvalidBatch
from crossfade.states import Variant
from crossfade.wire import BUCKET_SECONDS, COUNTERS, DISTRIBUTIONS, ERRORS, REQUESTS, Batch, Point, Summary

OLDEST = timedelta(minutes=15)
NEWEST = timedelta(seconds=60)
OLDEST_BATCH = timedelta(days=3)
NEWEST_BATCH = timedelta(days=1)
# Far from where a sum of products would leave a float: one client must not break everybody's query.
LARGEST_VALUE = 1e100
LARGEST_COUNT = 2**40
LONGEST_NAME = 512
MOST_DETAILS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One summary on the server's clock; without a revision it belongs to the flag's current one."""

    index: int
    component: str
    variant: Variant
    metric: str
    kind: str
    bucket: datetime
    revision: int | None
    count: int
    zeros: int = 0
    mean: float = 0.0
    m2: float = 0.0
    min: float = 0.0
    max: float = 0.0
    histogram: bytes = b""
    instance: str | None = None
    details: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that was not counted; `index` counts the summaries first, then the points."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """What of a batch may be counted."""

    batch_id: UUID
    created_at: datetime
    rows: tuple[Row, ...] = ()
    dropped: tuple[Dropped, ...] = field(default=())


def screened(batch: Batch, *, now: datetime) -> Screened:
    """Give the rows of a batch that may be counted, on the server's clock.

    The client's clock is corrected by the offset of its `sentAt` from `now`. Rows outside [now - 15 min, now + 60 s]
    are dropped and listed; everything else that is wrong refuses the whole batch.

    Raises:
        InvalidBatch: Anything malformed; the detail names the row and the field, never the value.
    """
    batch_id, created_at = _identity(batch, now)
    if not math.isfinite(batch.sentAt):
        raise InvalidBatch("sentAt must be a finite number")
    offset = now.timestamp() - batch.sentAt
    rows = [_from_summary(index, summary, offset) for index, summary in enumerate(batch.summaries)]
    _check_errors(batch.summaries)
    first = len(batch.summaries)
    rows += [_from_point(first + index, point, offset, now) for index, point in enumerate(batch.points)]
    kept = tuple(row for row in rows if _is_timely(row.bucket, now))
    dropped = tuple(Dropped(row.index, "outside the time limits") for row in rows if not _is_timely(row.bucket, now))
    return Screened(batch_id=batch_id, created_at=created_at, rows=kept, dropped=dropped)


def bucket_start(moment: float) -> datetime:
    """Give the start of the bucket that a moment (epoch seconds) lies in."""
    return datetime.fromtimestamp(math.floor(moment / BUCKET_SECONDS) * BUCKET_SECONDS, UTC)


def digest(batch: Batch) -> str:
    """Give the fingerprint of what a batch says.

    When it was sent is no part of that: a client that sends a batch again may state the new time, which keeps the
    offset of its clock apart from the time that the batch has waited.
    """
    return hashlib.sha256(repr(replace(batch, sentAt=0.0)).encode("utf-8", "backslashreplace")).hexdigest()


def kind_of(metric: str) -> str:
    """Whether a metric is a counter, a distribution or a gauge."""
    if metric in COUNTERS:
        return "counter"
    return "distribution" if metric in DISTRIBUTIONS else "gauge"


def _identity(batch: Batch, now: datetime) -> tuple[UUID, datetime]:
    try:
        batch_id = UUID(batch.batchId)
    except ValueError:
        raise InvalidBatch("batchId must be a UUIDv7") from None
    if batch_id.version != 7:  # noqa: PLR2004 - the version that carries a time
        raise InvalidBatch("batchId must be a UUIDv7")
    created_at = _moment((batch_id.int >> 80) / 1000, "batchId")
    if not (-NEWEST_BATCH <= now - created_at <= OLDEST_BATCH):
        raise InvalidBatch("batchId was made more than 3 days ago, or in the future")
    return batch_id, created_at


def _from_summary(index: int, summary: Summary, offset: float) -> Row:
    where = f"summaries[{index}]"
    kind = kind_of(summary.metric)
    _check_names(where, summary.component, summary.metric, summary.instance or "-")
    _check(f"{where}.bucket must be a multiple of {BUCKET_SECONDS}", holds=summary.bucket % BUCKET_SECONDS == 0)
    _check(f"{where}.revision must not be negative", holds=summary.revision >= 0)
    _check(f"{where}.count is out of range", holds=0 <= summary.count <= LARGEST_COUNT)
    _check_moments(where, summary)
    if kind == "distribution":
        _check_histogram(where, summary)
    _check_details(where, summary.details)
    # A summary moves by whole buckets, to the nearest one: its samples lie all over it.
    middle = summary.bucket + offset + BUCKET_SECONDS / 2
    return Row(
        index=index,
        component=summary.component,
        variant=_variant(where, summary.variant),
        metric=summary.metric,
        kind=kind,
        bucket=bucket_start(_finite(middle, f"{where}.bucket")),
        revision=summary.revision,
        count=summary.count,
        zeros=summary.zeros,
        mean=summary.mean,
        m2=summary.m2,
        min=summary.min,
        max=summary.max,
        histogram=histogram.encode(histogram.merge({bucket: count} for bucket, count in summary.histogram)),
        instance=summary.instance,
        details=summary.details,
    )


def _from_point(index: int, point: Point, offset: float, now: datetime) -> Row:
    where = f"points[{index}]"
    kind = kind_of(point.metric)
    _check_names(where, point.component, point.metric)
    _check(f"{where}.revision must not be negative", holds=point.revision is None or point.revision >= 0)
    _check_value(where, kind, point.value)
    at = now.timestamp() if point.at is None else point.at + offset
    value = float(point.value) if kind != "counter" else 0.0
    has_bucket = kind == "distribution" and value > 0
    return Row(
        index=index,
        component=point.component,
        variant=_variant(where, point.variant),
        metric=point.metric,
        kind=kind,
        bucket=bucket_start(_finite(at, f"{where}.at")),
        revision=point.revision,
        count=int(point.value) if kind == "counter" else 1,
        zeros=int(kind == "distribution" and not has_bucket),
        mean=value,
        min=value,
        max=value,
        histogram=histogram.encode({histogram.index(value): 1}) if has_bucket else b"",
    )


def _is_timely(bucket: datetime, now: datetime) -> bool:
    return now - OLDEST < bucket + timedelta(seconds=BUCKET_SECONDS) and bucket <= now + NEWEST


def _check(complaint: str, *, holds: bool) -> None:
    if not holds:
        raise InvalidBatch(complaint)


def _check_value(where: str, kind: str, value: float) -> None:
    _check(f"{where}.value is out of range", holds=-LARGEST_VALUE <= value <= LARGEST_VALUE)
    is_count = 0 <= value <= LARGEST_COUNT and value == int(value)
    _check(f"{where}.value must be a count", holds=kind != "counter" or is_count)


def _check_names(where: str, *names: str) -> None:
    for name in names:
        _check(f"{where} has an empty or too long name", holds=0 < len(name) <= LONGEST_NAME)
        # Postgres takes neither NUL nor a lone surrogate.
        is_text = "\0" not in name and not any("\ud800" <= letter <= "\udfff" for letter in name)
        _check(f"{where} has a name that is not text", holds=is_text)


def _check_moments(where: str, summary: Summary) -> None:
    for name in ("mean", "min", "max"):
        _check(f"{where}.{name} is out of range", holds=-LARGEST_VALUE <= getattr(summary, name) <= LARGEST_VALUE)
    _check(f"{where}.m2 is out of range", holds=0 <= summary.m2 <= LARGEST_VALUE**2)


def _check_histogram(where: str, summary: Summary) -> None:
    _check(f"{where}.zeros is out of range", holds=0 <= summary.zeros <= summary.count)
    for bucket, count in summary.histogram:
        inside = histogram.LOWEST <= bucket <= histogram.HIGHEST and 0 <= count <= LARGEST_COUNT
        _check(f"{where}.histogram is out of range", holds=inside)
    counted = summary.zeros + sum(count for _, count in summary.histogram)
    _check(f"{where}.histogram and zeros must add up to count", holds=counted == summary.count)


def _check_details(where: str, details: Mapping[str, int] | None) -> None:
    if details is None:
        return
    _check(f"{where}.details has too many entries", holds=len(details) <= MOST_DETAILS)
    _check_names(where, *details)
    _check(f"{where}.details is out of range", holds=all(0 <= count <= LARGEST_COUNT for count in details.values()))


def _check_errors(summaries: Iterable[Summary]) -> None:
    """A key that counts both must not count more errors than requests."""
    counts: dict[tuple[object, ...], dict[str, int]] = {}
    for summary in summaries:
        if summary.metric in {REQUESTS, ERRORS}:
            key = (summary.component, summary.variant, summary.revision, summary.bucket, summary.instance)
            both = counts.setdefault(key, {})
            both[summary.metric] = both.get(summary.metric, 0) + summary.count
    for both in counts.values():
        _check("errors exceed requests", holds=len(both) == 1 or both[ERRORS] <= both[REQUESTS])


def _variant(where: str, name: str) -> Variant:
    try:
        return Variant(name)
    except ValueError:
        raise InvalidBatch(f"{where}.variant must be legacy or candidate") from None


def _finite(moment: float, what: str) -> float:
    _moment(moment, what)
    return moment


def _moment(moment: float, what: str) -> datetime:
    try:
        return datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidBatch(f"{what} is not a time") from None
