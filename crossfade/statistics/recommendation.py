"""What to do with a step, from the evidence: pure, the first rule that matches wins, always with a reason.

Nothing here is green for want of evidence: `advance` and `ship` need every guardrail's inferiority excluded.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from math import isfinite

from crossfade.errors import InvalidArgument

HORIZON = timedelta(days=90)
"""Beyond it a time is told as "> 90 days"."""


class Action(StrEnum):
    """What is recommended, in the order in which the rules are tried."""

    INVALID = "invalid"
    ROLL_BACK = "roll_back"
    NO_DATA = "no_data"
    KEEP_COLLECTING = "keep_collecting"
    HOLD = "hold"
    ADVANCE = "advance"
    SHIP = "ship"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """How much worse is still acceptable.

    Attributes:
        value: 1.5 for "half as many again" (a ratio), 0.1 for 10 % (relative), else in the metric's unit.
        is_ratio: Whether estimate and interval are ratios of candidate to legacy; else they are differences.
        is_relative: Of a difference: whether all are shares of legacy's value.
        lower_is_better: True for errors and latency, false for conversions.
        unit: Of a difference that is not relative, such as "ms".
    """

    value: float
    is_ratio: bool = False
    is_relative: bool = False
    lower_is_better: bool = True
    unit: str = ""

    def __post_init__(self) -> None:
        if not (isfinite(self.value) and self.value >= (1 if self.is_ratio else 0)):
            raise InvalidArgument("value", "must be a ratio of 1 or more, or a difference of 0 or more")

    def __str__(self) -> str:
        if self.lower_is_better:
            return self.told(self.value)
        return self.told(1 / self.value if self.is_ratio else -self.value)

    def told(self, value: float | None) -> str:
        """A value on this margin's scale, with sign and unit; "unknown" for none."""
        if value is None:
            return "unknown"
        if self.is_ratio or self.is_relative:
            share = value - 1 if self.is_ratio else value
            return f"{100 * share:+.3g} %" if isfinite(value) else "any more"
        return f"{value:+.3g} {self.unit}".strip() if isfinite(value) else "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail:
    """What is known of one guardrail metric at this look.

    Attributes:
        name: As people know it, such as "errorRate".
        margin: How much worse is still acceptable.
        collected: Requests (or users) of candidate so far.
        estimate: Candidate against legacy on the margin's scale; None without data.
        low: Lower end of the interval that holds at all looks.
        high: Upper end of it.
        shows_harm: Whether harm is shown, all guardrails counted (`noninferiority.judge_guardrails`).
        is_within: Whether inferiority beyond the margin is excluded.
        needed: About how many requests of candidate a decision takes; None if unknown, infinite if never.
        left: About how long that takes at this rate; None if unknown or never.
        collects: What is counted: "requests" or "users".
    """

    name: str
    margin: Margin
    collected: int
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    shows_harm: bool = False
    is_within: bool = False
    needed: float | None = None
    left: timedelta | None = None
    collects: str = "requests"

    def __post_init__(self) -> None:
        if not self.collected >= 0:
            raise InvalidArgument("collected", "must not be negative")
        for name in ("estimate", "low", "high", "needed"):
            value = getattr(self, name)
            if value is not None and not value == value:  # noqa: PLR0124  NaN is what differs from itself
                raise InvalidArgument(name, "must be a number or None, not NaN")
        if self.low is not None and self.high is not None and not self.low <= self.high:
            raise InvalidArgument("low", "must not exceed high")

    @property
    def seen(self) -> str:
        """Estimate and interval in words."""
        told = self.margin.told
        is_alone = self.estimate is not None and not isfinite(self.estimate)
        estimate = "in candidate only" if is_alone else told(self.estimate)
        return f"{self.name} {estimate} (between {told(self.low)} and {told(self.high)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvidence:
    """All that a recommendation rests on.

    Attributes:
        guardrails: Every guardrail of the step.
        has_mismatch: Whether the sample ratio alarms: the measurement is broken.
        mismatch: What it shows, such as "candidate received 7.2 % of the users instead of 5 %".
        is_fresh: Whether data arrived lately from everybody that should report.
        needs_person: Whether a person must approve the next step.
        is_last: Whether the step is the last one, so that advancing is shipping.
        is_planned_end: Whether the planned end has come, after which collecting more is no plan.
    """

    guardrails: tuple[Guardrail, ...]
    has_mismatch: bool = False
    mismatch: str = ""
    is_fresh: bool = True
    needs_person: bool = False
    is_last: bool = False
    is_planned_end: bool = False


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do, why, and what would change it.

    Attributes:
        action: The action.
        sentence: Why, in one sentence with metric, estimate, interval and margin.
        change: What would change it, in one sentence.
        metric: The guardrail that decided; None when it was not one alone.
    """

    action: Action
    sentence: str
    change: str
    metric: str | None = None


def recommend(evidence: StepEvidence) -> Recommendation:
    """The recommendation for a step; the first rule that matches wins.

    1 `invalid`, 2 `roll_back`, 3 `no_data` and `keep_collecting`, 4 `hold`, 5 `advance` and `ship`; at the planned end
    `inconclusive` stands where `keep_collecting` would: it is never green.
    """
    rules = (_invalid, _roll_back, _no_data, _collecting, _hold)
    for rule in rules:
        found = rule(evidence)
        if found is not None:
            return found
    return _go_on(evidence)


def _invalid(evidence: StepEvidence) -> Recommendation | None:
    if not evidence.has_mismatch:
        return None
    seen = evidence.mismatch or "the arms did not receive the shares of traffic that they were given"
    return Recommendation(
        Action.INVALID,
        f"The measurement cannot be trusted: {seen}; no metric is judged.",
        "A new step whose shares match the plan, once the cause of the mismatch is found.",
    )


def _roll_back(evidence: StepEvidence) -> Recommendation | None:
    harmed = [each for each in evidence.guardrails if each.shows_harm]
    if not harmed:
        return None
    worst, others = harmed[0], len(harmed) - 1
    more = f", as are {others} other guardrails" if others > 1 else ", as is 1 other guardrail" if others else ""
    return Recommendation(
        Action.ROLL_BACK,
        f"Candidate is shown to be worse{more}: {worst.seen}, margin {worst.margin}.",
        f"A repaired candidate in a new run; more data on this one will not make {worst.name} safe.",
        worst.name,
    )


def _no_data(evidence: StepEvidence) -> Recommendation | None:
    silent = [each for each in evidence.guardrails if each.collected == 0 or each.estimate is None]
    if evidence.is_fresh and evidence.guardrails and not silent:
        return None
    if not evidence.guardrails:
        seen = "No guardrail is measured"
    elif not evidence.is_fresh:
        seen = "No fresh data arrive"
    else:
        first = silent[0]
        seen = f"{first.name} has no comparison yet ({first.collected:,} {first.collects}, margin {first.margin})"
    metric = silent[0].name if silent and evidence.is_fresh else None
    return Recommendation(
        Action.NO_DATA, f"{seen}; no data is not good data.", "Data from both sides for every guardrail.", metric
    )


def _collecting(evidence: StepEvidence) -> Recommendation | None:
    undecided = [each for each in evidence.guardrails if not each.is_within]
    if not undecided:
        return None
    slowest = max(undecided, key=_remaining)
    if evidence.is_planned_end:
        return Recommendation(
            Action.INCONCLUSIVE,
            f"The planned end has come without a decision: {slowest.seen}, not shown to stay within {slowest.margin}.",
            "A longer step, a higher percentage or a wider margin, decided by a person; this is not a pass.",
            slowest.name,
        )
    return Recommendation(Action.KEEP_COLLECTING, *_patience(slowest), slowest.name)


def _hold(evidence: StepEvidence) -> Recommendation | None:
    if not evidence.needs_person:
        return None
    return Recommendation(
        Action.HOLD,
        f"{_all_within(evidence)}; a person must approve the next step.",
        "An approval; or harm in any guardrail, which rolls back.",
    )


def _go_on(evidence: StepEvidence) -> Recommendation:
    action = Action.SHIP if evidence.is_last else Action.ADVANCE
    return Recommendation(
        action, f"{_all_within(evidence)}.", "Harm shown in any guardrail rolls back, at this step or a later one."
    )


def _all_within(evidence: StepEvidence) -> str:
    closest = max(evidence.guardrails, key=_use_of_margin)
    count = len(evidence.guardrails)
    which = f"All {count} guardrails are within their margins" if count > 1 else "The guardrail is within its margin"
    return f"{which}; closest is {closest.seen}, margin {closest.margin}"


def _patience(slowest: Guardrail) -> tuple[str, str]:
    """The sentence of a guardrail that needs more data, and what would change it."""
    aim = f"needed to rule out {slowest.margin} {slowest.name}"
    if slowest.needed is None or not isfinite(slowest.needed):
        amount = f"{slowest.collected:,} {slowest.collects} are not enough, and how many are {aim} is not known"
    else:
        amount = f"{slowest.collected:,} of about {_rounded(slowest.needed):,} {slowest.collects} {aim}"
    is_endless = slowest.needed is not None and not isfinite(slowest.needed)
    if is_endless or (slowest.left is not None and slowest.left > HORIZON):
        change = "> 90 days left: widen the margin or raise the percentage."
        return f"{amount}; so far {slowest.seen}; > 90 days left at this rate.", change
    when = f"; about {_told(slowest.left)} at this rate" if slowest.left is not None else ""
    change = f"Enough {slowest.collects} to bring the interval of {slowest.name} within {slowest.margin}, or beyond."
    return f"{amount}{when}; so far {slowest.seen}.", change


def _remaining(guardrail: Guardrail) -> tuple[float, float]:
    """By time left, then by how much is missing: what is unknown counts as longest."""
    left = guardrail.left.total_seconds() if guardrail.left is not None else float("inf")
    missing = guardrail.needed - guardrail.collected if guardrail.needed is not None else float("inf")
    return left, missing


def _use_of_margin(guardrail: Guardrail) -> float:
    """How near the interval comes to the margin: 1 is at it."""
    margin, end = guardrail.margin, guardrail.high if guardrail.margin.lower_is_better else guardrail.low
    if end is None:
        return float("-inf")
    if margin.is_ratio:
        return end / margin.value if margin.lower_is_better else 1 / max(end * margin.value, 1e-300)
    worse = end if margin.lower_is_better else -end
    return worse / margin.value if margin.value > 0 else worse


def _rounded(number: float) -> int:
    """Two significant digits: an estimate should not look exact."""
    return int(float(f"{number:.2g}"))


def _told(left: timedelta) -> str:
    """A duration in its largest fitting unit."""
    seconds = max(left.total_seconds(), 0)
    for name, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} s"
