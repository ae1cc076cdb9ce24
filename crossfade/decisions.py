"""The order of decision of a rollout, in one pure function.

What stands higher wins. Safety comes first, a person's wish second, missing evidence third; only when nothing
forbids it does the ramp advance:

    emergency stop > requested rollback > guardrail breach > operator hold (pause, manual percentage)
    > source error > sample-ratio mismatch > no data > hold time > minimum sample > signals > validation
    > approval > calendar > advance

A hold stops advancing and the hold clock, never judging, rollback or stop.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Act(StrEnum):
    """What the rollout does next."""

    STOP = "stop"
    ROLL_BACK = "roll_back"
    HOLD = "hold"
    VALIDATE = "validate"
    ADVANCE = "advance"


class Gate(StrEnum):
    """Where a gate of the next step stands."""

    NOT_NEEDED = "not_needed"
    OPEN = "open"
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that a decision depends on.

    Attributes:
        hold_left: what remains of the step's hold; zero or less means served.
        pause: what a pause waits for, in words.
        samples_missing: candidate requests still missing to the step's minimum sample.
        failing_signals: names of thresholds of role `signal` that fail.
        promoted: a person asked for the next step; skips hold time, minimum sample and approval, nothing else.
        validation: the checkpoint of the next step; FAILED rolls back or holds as `validation_rolls_back` says.
        conditional: 100 % would mean only those who match the flag's conditions, and the plan does not allow that.
        next_step: what advancing leads to, in words.
    """

    stop_requested: bool = False
    rollback_requested: bool = False
    breached: bool = False
    paused: bool = False
    pause: str = "resume: paused by an operator"
    held: bool = False
    source_error: bool = False
    sample_ratio_mismatch: bool = False
    no_data: bool = False
    hold_left: timedelta = timedelta(0)
    samples_missing: int = 0
    failing_signals: tuple[str, ...] = ()
    validation: Gate = Gate.NOT_NEEDED
    validation_rolls_back: bool = True
    approval: Gate = Gate.NOT_NEEDED
    approval_rolls_back: bool = False
    calendar_open: bool = True
    conditional: bool = False
    promoted: bool = False
    next_step: str = "the next step"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, by which rule, and for a hold what it waits for, in words that a person can act on."""

    act: Act
    rule: str
    waits_for: str = ""


def decide(situation: Situation) -> Decision:
    """Give the first rule of the order above that applies."""
    return _safety(situation) or _people_and_evidence(situation) or _gates(situation)


def _safety(situation: Situation) -> Decision | None:
    if situation.stop_requested:
        return Decision(Act.STOP, "emergency stop")
    if situation.rollback_requested:
        return Decision(Act.ROLL_BACK, "requested rollback")
    if situation.breached:
        return Decision(Act.ROLL_BACK, "guardrail breach")
    return None


def _people_and_evidence(situation: Situation) -> Decision | None:
    holds = (
        (situation.paused, "paused", situation.pause),
        (situation.held, "held", "resume: the percentage was set by hand"),
        (situation.source_error, "source error", "the metrics source to answer again"),
        (situation.sample_ratio_mismatch, "sample-ratio mismatch", "the traffic split to match its percentage again"),
        (situation.no_data, "no data", "fresh samples of every required metric, on both variants below 100 %"),
    )
    return next((Decision(Act.HOLD, rule, waits_for) for applies, rule, waits_for in holds if applies), None)


def _gates(situation: Situation) -> Decision:
    if not situation.promoted:
        if situation.hold_left > timedelta(0):
            return Decision(Act.HOLD, "hold time", f"its hold to end, then {situation.next_step}")
        if situation.samples_missing > 0:
            return Decision(
                Act.HOLD,
                "minimum sample",
                f"its minimum sample: at most {situation.samples_missing} more candidate requests",
            )
    if situation.failing_signals:
        return Decision(Act.HOLD, "signals", f"{', '.join(situation.failing_signals)} to pass")
    return _validation(situation) or _approval(situation) or _calendar(situation)


def _validation(situation: Situation) -> Decision | None:
    match situation.validation:
        case Gate.OPEN:
            return Decision(Act.VALIDATE, "validation", f"validation before {situation.next_step}")
        case Gate.FAILED if situation.validation_rolls_back:
            return Decision(Act.ROLL_BACK, "validation failed")
        case Gate.FAILED:
            return Decision(Act.HOLD, "validation failed", "a person: the validation failed; resume validates again")
        case Gate.INCONCLUSIVE:
            return Decision(Act.HOLD, "validation", "a person: the validation was inconclusive; resume validates again")
    return None


def _approval(situation: Situation) -> Decision | None:
    if situation.promoted:
        return None
    match situation.approval:
        case Gate.OPEN:
            return Decision(Act.HOLD, "approval", f"approval of {situation.next_step}")
        case Gate.FAILED if situation.approval_rolls_back:
            return Decision(Act.ROLL_BACK, "approval expired")
        case Gate.FAILED:
            return Decision(
                Act.HOLD, "approval expired", f"resume: the request for approval of {situation.next_step} expired"
            )
    return None


def _calendar(situation: Situation) -> Decision:
    if not situation.calendar_open:
        return Decision(Act.HOLD, "calendar", "the next window of the calendar")
    if situation.conditional:
        return Decision(Act.HOLD, "conditions", "a plan with allowConditional, or a flag without conditions")
    return Decision(Act.ADVANCE, "advance")
