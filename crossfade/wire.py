"""The batch of metrics as it travels from clients to the server.

The SDK writes it and the API decodes it into these very classes, so the fields carry the
names of the JSON.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

VariantName: TypeAlias = Literal["legacy", "candidate"]

BUCKET_SECONDS = 10
"""Samples are summarised over buckets of this width, aligned to the epoch."""

REQUESTS = "requests"
ERRORS = "errors"
FALLBACKS = "fallbacks"
CONNECTIONS_OPENED = "connectionsOpened"
CONNECTIONS_CLOSED = "connectionsClosed"
CONNECTIONS_ABNORMAL = "connectionsAbnormal"
COMPARISONS = "comparisons"
MISMATCHES = "mismatches"
RESPONSE_TIME = "responseTime"
MEMORY_USAGE = "memoryUsage"

COUNTERS = frozenset(
    {
        REQUESTS,
        ERRORS,
        FALLBACKS,
        CONNECTIONS_OPENED,
        CONNECTIONS_CLOSED,
        CONNECTIONS_ABNORMAL,
        COMPARISONS,
        MISMATCHES,
    }
)
DISTRIBUTIONS = frozenset({RESPONSE_TIME})


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What happened to one metric of one variant at one revision within one bucket.

    A counter fills `count` alone (`details` of mismatches: how often each field path
    differed). A distribution fills `zeros` (values not above 0), the moments over all
    values, and `histogram` as pairs (index, count) of `crossfade.histogram`. A gauge fills
    the moments and `instance`.
    """

    component: str
    variant: VariantName
    revision: int
    metric: str
    bucket: int
    count: int
    zeros: int = 0
    mean: float = 0.0
    m2: float = 0.0
    min: float = 0.0
    max: float = 0.0
    histogram: tuple[tuple[int, int], ...] = ()
    instance: str | None = None
    details: dict[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One raw value, from anybody with curl; without a time it is now, without a revision the current one."""

    component: str
    variant: VariantName
    metric: str
    value: float
    at: float | None = None
    revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Everything that one client has to say at once; accepted or refused as a whole, counted once per `batchId`.

    `batchId` is a UUIDv7. `sentAt` (epoch seconds by the client's clock) is when the batch
    was first sent: a repetition has the same bytes.
    """

    batchId: str  # noqa: N815 - the name in the JSON
    client: str
    sentAt: float  # noqa: N815 - the name in the JSON
    summaries: tuple[Summary, ...] = field(default=())
    points: tuple[Point, ...] = field(default=())
