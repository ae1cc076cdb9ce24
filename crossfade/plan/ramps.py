"""The steps of a component, from its merged ramp."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from crossfade.plan.findings import Findings
from crossfade.plan.nodes import Node, shown
from crossfade.plan.resolved import Approval, Step
from crossfade.plan.settings import Ramp
from crossfade.plan.settings import Step as WrittenStep

FULL = Decimal(100)
GENTLE_START = Decimal(1)

_KINDS = ("template", "steps", "percentages")
_SHARED = ("hold", "minSample", "validate", "approval")


def check_ramp_form(ramp: Node | None, findings: Findings) -> None:
    """Refuse a written ramp that does not say its steps in exactly one way."""
    if ramp is None or not isinstance(ramp.content, Mapping):
        return
    kinds = [kind for kind in _KINDS if kind in ramp.entries]
    if not kinds:
        findings.refuse(ramp, "write one of template, steps or percentages")
    elif len(kinds) > 1:
        findings.refuse(ramp.nearest(kinds[1]), f"beside {kinds[0]}; keep one of template, steps and percentages")
    elif kinds != ["percentages"]:
        for key in _SHARED:
            if key in ramp.entries:
                findings.refuse(ramp.nearest(key), "goes with percentages; write it in the steps")


def resolve_steps(
    written: Ramp | None,
    component: Node,
    *,
    validations: Iterable[str],
    approvals: Mapping[str, Approval],
    findings: Findings,
) -> tuple[Step, ...]:
    """The steps of the merged component; validations that it does not define are left out and told."""
    if written is None:
        findings.refuse(component, "is required: how the percentage rises (here or in defaults)", "ramp")
        return ()
    ramp = component.nearest("ramp")
    places = ramp.nearest("percentages").items or ramp.nearest("steps").items
    steps = [_step(step, approvals) for step in _written_steps(written)]
    _check_rising(steps, places, findings)
    own = tuple(validations)
    for step, place in zip(steps, places, strict=True):
        _check_own_validations(step, place, ramp, component, own, findings)
    effective = tuple(replace(step, validate=tuple(name for name in step.validate if name in own)) for step in steps)
    _warn(effective, steps, places, component, findings)
    return effective


def _written_steps(ramp: Ramp) -> Iterator[WrittenStep]:
    """The steps as if each had been written out."""
    if ramp.steps is not None:
        yield from ramp.steps
    percentages = ramp.percentages or []
    for number, percentage in enumerate(percentages, start=1):
        yield WrittenStep.model_construct(
            percentage=percentage,
            hold=ramp.hold,
            min_sample=ramp.min_sample,
            checks=ramp.checks,
            approval=ramp.approval if number == len(percentages) else None,
        )


def _step(written: WrittenStep, approvals: Mapping[str, Approval]) -> Step:
    return Step(
        percentage=written.percentage,
        hold=written.hold or timedelta(0),
        min_sample=written.min_sample or 100,
        validate=tuple(written.checks or ()),
        approval=approvals[written.approval] if written.approval else None,
    )


def _check_rising(steps: list[Step], places: tuple[Node, ...], findings: Findings) -> None:
    for before, step, place in zip(steps, steps[1:], places[1:], strict=False):
        if step.percentage <= before.percentage:
            findings.refuse(place.nearest("percentage"), "must be higher than the step before")
    if steps and steps[-1].percentage != FULL:
        findings.refuse(places[-1].nearest("percentage"), "the last step must be 100; add a step of 100")


def _check_own_validations(
    step: Step, place: Node, ramp: Node, component: Node, own: tuple[str, ...], findings: Findings
) -> None:
    """A ramp written at the component may only ask for what the component defines."""
    if place.path[: len(component.path)] != component.path:
        return
    holder = place if place.child("validate") else ramp
    for index, name in enumerate(step.validate):
        if name not in own:
            findings.refuse(
                holder.nearest("validate", index), "this component does not define it; add it to validation"
            )


def _warn(
    effective: tuple[Step, ...], steps: list[Step], places: tuple[Node, ...], component: Node, findings: Findings
) -> None:
    if steps and steps[0].percentage > GENTLE_START:
        findings.warn(places[0].nearest("percentage"), f"begins at {steps[0].percentage} %; start with 1 % or less")
    bare = [step for step in effective[1:] if not step.validate]
    if not bare:
        return
    asked = sorted({name for step in steps for name in step.validate} - {n for s in effective for n in s.validate})
    reason = f"; its ramp names {', '.join(map(shown, asked))}, which it does not define" if asked else ""
    rises = ", ".join(f"{step.percentage} %" for step in bare)
    findings.warn(component, f"rises to {rises} without validation{reason}")
