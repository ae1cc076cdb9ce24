"""Who is judged, and which samples that needs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from crossfade.intake import OLDEST, bucket_start
from crossfade.measures import window_seconds, windows_of
from crossfade.plan.resolved import ComponentPlan, Threshold
from crossfade.readings import Reading
from crossfade.samples import Span
from crossfade.wire import BUCKET_SECONDS

# A bucket is closed once a sample for it would be refused, with room for a transaction that is slow to commit.
CLOSED_AFTER = OLDEST + timedelta(minutes=5)
APP_SOURCE = "app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A run to be judged.

    Attributes:
        percentage: What it serves from candidate.
        published_at: When its step, or a person's percentage, was published; None while it has only begun.
        since_revision: The revision that published the step.
        previous: Its last reading; continued when it is of the same publication.
    """

    run_id: str
    component: str
    step: int
    percentage: Decimal
    published_at: datetime | None
    since_revision: int
    plan: ComponentPlan
    previous: Reading | None = None

    @property
    def continued(self) -> Reading | None:
        """The last reading, if the step was not published anew since."""
        last = self.previous
        if last is None or (last.run_id, last.step, last.published_at) != (self.run_id, self.step, self.published_at):
            return None
        return last

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """Those whose figures clients report; a guardrail of another source has been refused with its plan."""
        return tuple(each for each in self.plan.thresholds if each.source == APP_SOURCE or each.role == "guardrail")

    @property
    def min_sample(self) -> int:
        """How many candidate requests its step needs."""
        return self.plan.steps[self.step - 1].min_sample if 0 < self.step <= len(self.plan.steps) else 0

    @property
    def is_published(self) -> bool:
        """Whether it has published anything to be judged: a step, or a percentage set by hand before the first."""
        return self.published_at is not None


def span(subject: Subject, *, now: datetime) -> Span:
    """Give the samples that judging a run needs; of one that has published nothing there are none."""
    since = bucket_start((subject.published_at or now).timestamp())
    lengths = {seconds for threshold in subject.thresholds for seconds, _ in windows_of(threshold)}
    lengths.add(window_seconds(subject.plan.judging.freshness))
    return Span(
        run_id=subject.run_id,
        component=subject.component,
        step=subject.step,
        since_revision=subject.since_revision,
        windows={seconds: max(first_bucket(seconds, now), since) for seconds in sorted(lengths)},
        counted_from=counted_from(subject, now=now),
        closes_at=closes_at(subject, now=now),
    )


def counted_from(subject: Subject, *, now: datetime) -> datetime:
    """Give the first bucket of the step that the last reading has not counted as closed."""
    last = subject.continued
    return (last.closed_until if last else None) or bucket_start((subject.published_at or now).timestamp())


def closes_at(subject: Subject, *, now: datetime) -> datetime:
    """Give the first bucket of the step that may still grow."""
    return max(counted_from(subject, now=now), bucket_start((now - CLOSED_AFTER).timestamp()))


def first_bucket(seconds: int, now: datetime) -> datetime:
    """Give where a window begins: the open bucket and as many before it as its length holds."""
    return bucket_start(now.timestamp()) - timedelta(seconds=-(-seconds // BUCKET_SECONDS) * BUCKET_SECONDS)
