import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from crossfade import histogram
from crossfade.errors import InvalidBatch
from crossfade.intake import Dropped, Row, Screened, digest, screened
from crossfade.wire import Batch, Point, Summary

NOW = datetime(2026, 3, 1, 12, 0, 4, tzinfo=UTC)
OPEN = int(NOW.timestamp()) // 10 * 10


def batch_id(moment: datetime = NOW) -> str:
    return str(UUID(int=int(moment.timestamp() * 1000) << 80 | 7 << 76 | 0b10 << 62))


def summary(metric: str = "requests", count: int = 10, **changes: Any) -> Summary:
    defaults: dict[str, Any] = {"component": "search", "variant": "candidate", "revision": 7, "bucket": OPEN}
    return Summary(metric=metric, count=count, **(defaults | changes))


def point(metric: str = "requests", value: float = 1.0, **changes: Any) -> Point:
    defaults: dict[str, Any] = {"component": "search", "variant": "candidate"}
    return Point(metric=metric, value=value, **(defaults | changes))


def screen(*rows: Summary | Point, **changes: Any) -> Screened:
    defaults: dict[str, Any] = {"batchId": batch_id(), "client": "test", "sentAt": NOW.timestamp()}
    summaries = tuple(row for row in rows if isinstance(row, Summary))
    points = tuple(row for row in rows if isinstance(row, Point))
    return screened(Batch(**(defaults | changes), summaries=summaries, points=points), now=NOW)


def only(*rows: Summary | Point, **changes: Any) -> Row:
    (row,) = screen(*rows, **changes).rows
    return row


@pytest.mark.parametrize(
    ("skew", "expected"), [(0, 0), (0.3, 0), (-0.3, 0), (4.9, 0), (-4.9, 0), (90, 90), (-90, -90), (7200, 7200)]
)
def test_the_clock_of_a_client_is_corrected_by_the_offset_of_its_batch(skew: float, expected: int) -> None:
    """A summary moves by whole buckets to the nearest one, so that the time on the wire moves nothing."""
    row = only(summary(bucket=OPEN + expected), sentAt=NOW.timestamp() + skew)
    assert row.bucket.timestamp() == OPEN


def test_the_time_of_a_point_is_corrected_too() -> None:
    assert only(point(at=OPEN + 3603.0), sentAt=NOW.timestamp() + 3600).bucket.timestamp() == OPEN
    assert only(point(), sentAt=NOW.timestamp() + 3600).bucket.timestamp() == OPEN


@pytest.mark.parametrize(
    ("age", "kept"), [(0, True), (890, True), (900, True), (920, False), (-50, True), (-60, True), (-70, False)]
)
def test_rows_outside_the_time_limits_are_dropped_and_listed(age: int, kept: bool) -> None:
    found = screen(summary(bucket=OPEN - age))
    assert len(found.rows) == kept
    assert found.dropped == (() if kept else (Dropped(0, "outside the time limits"),))


def test_a_dropped_point_is_listed_after_the_summaries() -> None:
    found = screen(summary(), summary(bucket=OPEN - 3600), point(at=NOW.timestamp() - 3600))
    assert [drop.index for drop in found.dropped] == [1, 2]


def test_a_summary_keeps_its_histogram_as_bytes() -> None:
    row = only(summary("responseTime", 5, zeros=2, histogram=((310, 1), (-4, 2))))
    assert histogram.decode(row.histogram) == {-4: 2, 310: 1}
    assert (row.kind, row.zeros) == ("distribution", 2)


@pytest.mark.parametrize(
    ("given", "kind", "count", "zeros", "mean"),
    [
        (point("errors", 3), "counter", 3, 0, 0),
        (point("responseTime", 12.5), "distribution", 1, 0, 12.5),
        (point("responseTime", 0), "distribution", 1, 1, 0),
        (point("responseTime", -1), "distribution", 1, 1, -1),
        (point("memoryUsage", 0.4), "gauge", 1, 0, 0.4),
    ],
)
def test_a_point_becomes_a_summary_of_one(given: Point, kind: str, count: int, zeros: int, mean: float) -> None:
    row = only(given)
    assert (row.kind, row.count, row.zeros, row.mean) == (kind, count, zeros, mean)
    assert histogram.decode(row.histogram) == ({histogram.index(12.5): 1} if given.value == 12.5 else {})


MALFORMED = [
    summary(count=-1),
    summary(count=2**63),
    summary(bucket=OPEN + 5),
    summary(bucket=10 * 2**70),
    summary(revision=-1),
    summary(variant="control"),
    summary(component=""),
    summary(component="x" * 600),
    summary(component="nul\0"),
    summary(metric="lone \ud800 surrogate"),
    summary("memoryUsage", 1, mean=math.nan),
    summary("memoryUsage", 1, mean=math.inf),
    summary("memoryUsage", 1, mean=1e308),
    summary("memoryUsage", 1, m2=-1.0),
    summary("memoryUsage", 1, min=-math.inf),
    summary("memoryUsage", 1, max=math.nan),
    summary("responseTime", 3, histogram=((310, 2),)),
    summary("responseTime", 1, histogram=((40_000, 1),)),
    summary("responseTime", 1, histogram=((310, -1), (311, 2))),
    summary("responseTime", 1, zeros=2),
    summary("mismatches", 1, details={"path": -1}),
    summary("mismatches", 1, details={"nul\0": 1}),
    summary("mismatches", 1, details={str(n): 1 for n in range(2000)}),
    point(value=math.nan),
    point(value=math.inf),
    point(value=-1),
    point(value=1.5),
    point(value=1e308),
    point("memoryUsage", 1e308),
    point(at=math.nan),
    point(at=1e300),
    point(revision=-1),
]


@pytest.mark.parametrize("bad", MALFORMED, ids=repr)
def test_one_malformed_value_refuses_the_whole_batch(bad: Summary | Point) -> None:
    with pytest.raises(InvalidBatch):
        screen(summary(), point(), bad)


def test_a_refusal_names_the_row_and_not_its_value() -> None:
    with pytest.raises(InvalidBatch) as refusal:
        screen(summary(), summary(component="secret\0"))
    assert "summaries[1]" in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_more_errors_than_requests_are_refused() -> None:
    with pytest.raises(InvalidBatch, match="errors exceed requests"):
        screen(summary("requests", 2), summary("errors", 3))
    assert len(screen(summary("requests", 3), summary("errors", 3)).rows) == 2


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "not a uuid",
        "0198f000-0000-4000-8000-000000000001",
        batch_id(NOW - timedelta(days=4)),
        batch_id(NOW + timedelta(days=2)),
        "ffffffff-ffff-7fff-8fff-ffffffffffff",
    ],
)
def test_a_batch_id_must_be_a_recent_uuid_of_version_7(bad: str) -> None:
    with pytest.raises(InvalidBatch):
        screen(summary(), batchId=bad)


@pytest.mark.parametrize("sent", [math.nan, math.inf, 1e300])
def test_a_batch_sent_at_no_time_is_refused(sent: float) -> None:
    with pytest.raises(InvalidBatch):
        screen(summary(), sentAt=sent)


def test_the_fingerprint_covers_everything_but_when_it_was_sent() -> None:
    one = Batch(batchId=batch_id(), client="a", sentAt=1.0, summaries=(summary(),), points=(point(),))
    assert digest(replace(one, sentAt=2.0)) == digest(one)
    others = [replace(one, client="b"), replace(one, points=()), replace(one, summaries=(summary(count=11),))]
    assert len({digest(one), *map(digest, others)}) == 4
