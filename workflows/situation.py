"""What a rollout's state means for its next decision: pure, from the plan, the state and the time."""

from datetime import datetime, timedelta

from crossfade.decisions import Gate, Situation
from crossfade.plan.resolved import Approval, ComponentPlan, Step
from crossfade.states import ComponentStatus
from workflows.messages import Observed, RolloutState
from workflows.pauses import words

NO_TIME = timedelta(0)


def situation(plan: ComponentPlan, state: RolloutState, now: datetime) -> Situation:
    """Gather everything that `crossfade.decisions.decide` looks at."""
    observed = observed_here(state)
    return Situation(
        stop_requested=state.stop is not None,
        rollback_requested=state.rollback is not None,
        paused=bool(state.pauses),
        pause=words(state.pauses),
        held=state.held,
        source_error=observed is not None and observed.source_error,
        no_data=observed is not None and observed.no_data,
        hold_left=hold_left(plan, state),
        samples_missing=samples_missing(plan, state),
        failing_signals=observed.failing_signals if observed else (),
        validation=state.validation,
        validation_rolls_back=validation_rolls_back(plan, state),
        approval=approval_gate(plan, state, now),
        approval_rolls_back=approval_rolls_back(plan, state),
        conditional=state.baking and is_conditional(plan),
        promoted=state.promoted,
        next_step=next_step_words(plan, state),
    )


def observed_here(state: RolloutState) -> Observed | None:
    """Give the monitor's last judgement if it is about the step that is served."""
    observed = state.observed
    if observed is None or observed.run_id != state.run_id or observed.step != state.step:
        return None
    return observed


def current_step(plan: ComponentPlan, state: RolloutState) -> Step | None:
    """Give the step that is served, None before the first."""
    return plan.steps[state.step - 1] if state.step else None


def next_step(plan: ComponentPlan, state: RolloutState) -> Step | None:
    """Give the step that comes next, None after the last."""
    return plan.steps[state.step] if state.step < len(plan.steps) else None


def clock_runs(state: RolloutState) -> bool:
    """Whether the hold clock runs: the clients have confirmed, nobody holds, and data arrive."""
    observed = observed_here(state)
    silent = observed is not None and (observed.no_data or observed.source_error)
    return state.confirmed and not (state.pauses or state.held or silent)


def hold_left(plan: ComponentPlan, state: RolloutState) -> timedelta:
    """Give what remains of the hold or bake at this step."""
    step = current_step(plan, state)
    if step is None:
        return NO_TIME
    whole = plan.bake if state.baking else step.hold
    return max(whole - state.hold_served, NO_TIME)


def samples_missing(plan: ComponentPlan, state: RolloutState) -> int:
    """Give how many candidate requests the step still needs, as far as the monitor has told."""
    step = current_step(plan, state)
    observed = observed_here(state)
    if step is None or state.baking or (observed is not None and observed.enough):
        return 0
    return max(step.min_sample - (observed.samples if observed else 0), 0)


def first_gate(plan: ComponentPlan, state: RolloutState) -> Gate:
    """Give the state in which the validation gate of the next step begins."""
    step = next_step(plan, state)
    return Gate.OPEN if step is not None and step.validate else Gate.NOT_NEEDED


def validation_rolls_back(plan: ComponentPlan, state: RolloutState) -> bool:
    """Whether a failed validation of the next step rolls back; any one that does decides."""
    step = next_step(plan, state)
    names = step.validate if step else ()
    return any(check.on_fail == "rollback" for check in plan.validations if check.name in names)


def approval_of(plan: ComponentPlan, state: RolloutState) -> Approval | None:
    """Give the approval that the next step needs."""
    step = next_step(plan, state)
    return step.approval if step else None


def approval_gate(plan: ComponentPlan, state: RolloutState, now: datetime) -> Gate:
    """Give where the approval of the next step stands."""
    approval = approval_of(plan, state)
    if approval is None:
        return Gate.NOT_NEEDED
    if len(set(state.approvals)) >= approval.required:
        return Gate.PASSED
    asked = state.approval_asked_at
    if asked is not None and now - asked >= approval.expires_after:
        return Gate.FAILED
    return Gate.OPEN


def approval_rolls_back(plan: ComponentPlan, state: RolloutState) -> bool:
    """Whether an approval that expires rolls back."""
    approval = approval_of(plan, state)
    return approval is not None and approval.on_expire == "rollback"


def is_conditional(plan: ComponentPlan) -> bool:
    """Whether 100 % would still mean only those who match, without the plan saying that this is wanted."""
    conditions = plan.flag.conditions
    return bool(conditions.user_groups or conditions.attributes) and not plan.flag.allow_conditional


def next_step_words(plan: ComponentPlan, state: RolloutState) -> str:
    """Say what advancing leads to."""
    step = next_step(plan, state)
    if step is not None:
        return f"{step.percentage} %"
    return "completion" if state.baking or not plan.bake else "the bake"


def entry_step(plan: ComponentPlan, state: RolloutState) -> int:
    """Give the last step at or below the percentage that is served, where a resumed ramp re-enters."""
    return sum(step.percentage <= state.percentage for step in plan.steps)


def status(state: RolloutState) -> ComponentStatus:
    """Give the component's status in the words of the API."""
    if state.stop is not None or state.rollback is not None:
        return ComponentStatus.ROLLING_BACK
    if state.held:
        return ComponentStatus.HELD
    if state.pauses:
        return ComponentStatus.PAUSED
    return ComponentStatus.BAKING if state.baking else ComponentStatus.RAMPING
