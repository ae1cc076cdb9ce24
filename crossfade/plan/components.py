"""One component: its merged layers to final values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from crossfade.conditions import compile_conditions
from crossfade.flags import AttributeCondition, Conditions
from crossfade.plan.findings import Findings
from crossfade.plan.nodes import Node
from crossfade.plan.ramps import resolve_steps
from crossfade.plan.resolved import Approval, ComponentPlan, FlagPlan, RollbackPlan, ValidationPlan
from crossfade.plan.settings import Flag, Rollback, Validation
from crossfade.plan.thresholds import resolve_thresholds
from crossfade.plan.written import Component

BAKE = timedelta(hours=24)

_ROUNDING = 1e-12
# One value of each kind; a condition that makes sense accepts at least one of them.
_PROBES: tuple[object, ...] = ("text", "1.2.3", 1, True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a component refers to: its plan's environment, sources (name to type) and approvals."""

    environment: str
    sources: Mapping[str, str]
    approvals: Mapping[str, Approval]


def resolve_component(merged: Node, around: Surroundings, findings: Findings) -> ComponentPlan:
    """The plan of a merged component whose form has been checked; what is wrong is in the findings."""
    written = Component.model_validate(merged.plain())
    judged = resolve_thresholds(written.thresholds, merged, around.sources, findings)
    if written.experiment is not None:
        findings.lacks_effect(merged.nearest("experiment"), "experiments are not evaluated yet")
    return ComponentPlan(
        name=written.name,
        depends_on=tuple(written.depends_on),
        flag=_flag(written.flag or Flag(), merged, around.environment, findings),
        steps=resolve_steps(
            written.ramp,
            merged,
            validations=written.validation or (),
            approvals=around.approvals,
            findings=findings,
        ),
        thresholds=judged.thresholds,
        judging=judged.judging,
        validations=_validations(written, merged, findings),
        rollback=_rollback(written.rollback or Rollback(), merged.nearest("rollback"), findings),
        bake=BAKE if written.bake is None else written.bake,
    )


def smallest_sample(max_mismatch: float, confidence: float) -> int:
    """How many calls without one mismatch prove the bound: ceil(ln(1 - confidence) / ln(1 - limit)).

    The same as in `crossfade.checkpoints`, without its scipy: a plan is also checked where nothing is judged.
    """
    return math.ceil(math.log1p(-confidence) / math.log1p(-max_mismatch) * (1 - _ROUNDING))


def _flag(written: Flag, component: Node, environment: str, findings: Findings) -> FlagPlan:
    node = component.nearest("flag")
    conditions = _conditions(written, node, environment, findings)
    if (conditions.user_groups or conditions.attributes) and not written.allow_conditional:
        findings.warn(
            node.nearest("conditions"),
            "100 % will mean those who match; it does not complete without allowConditional: true",
        )
    defaults = FlagPlan()
    return FlagPlan(
        targeting_key=written.targeting_key or defaults.targeting_key,
        fallback_enabled=defaults.fallback_enabled if written.fallback_enabled is None else written.fallback_enabled,
        conditions=conditions,
        salt=written.salt,
        allow_conditional=bool(written.allow_conditional),
    )


def _conditions(flag: Flag, node: Node, environment: str, findings: Findings) -> Conditions:
    written = flag.conditions
    if written is None:
        return Conditions()
    if written.environment not in {None, environment}:
        place = node.nearest("conditions", "environment")
        findings.refuse(place, "is not the environment of this plan, so nobody would get candidate; change one of them")
    attributes = {
        name: AttributeCondition(attribute.op, tuple(attribute.values))
        for name, attribute in (written.attributes or {}).items()
    }
    for name, condition in attributes.items():
        if not _makes_sense(condition):
            place = node.nearest("conditions", "attributes", name)
            findings.refuse(place, f"these values do not go with the operator {condition.op}; nobody would match")
    return Conditions(written.environment, tuple(written.user_groups or ()), attributes)


def _makes_sense(condition: AttributeCondition) -> bool:
    holds = compile_conditions(Conditions(attributes={"probe": condition}), "")
    for value in _PROBES:
        try:
            holds({"probe": value})
        except TypeError:
            continue
        return True
    return False


def _validations(written: Component, component: Node, findings: Findings) -> tuple[ValidationPlan, ...]:
    resolved = (
        _validation(name, validation, component.nearest("validation", name), findings)
        for name, validation in (written.validation or {}).items()
    )
    return tuple(validation for validation in resolved if validation is not None)


def _validation(name: str, written: Validation, node: Node, findings: Findings) -> ValidationPlan | None:
    required = {"type": written.type, "sample": written.sample, "maxMismatch": written.max_mismatch}
    for key, value in required.items():
        if value is None:
            findings.refuse(node, "is required", key)
    for key, given in (("comparator", written.comparator), ("noiseBaseline", written.noise_baseline)):
        if given is not None:
            findings.lacks_effect(node.nearest(key), "answers are compared by the application's own comparison only")
    if written.sample is None or written.max_mismatch is None or written.type is None:
        return None
    defaults = ValidationPlan(name=name, sample=written.sample, max_mismatch=float(written.max_mismatch))
    plan = ValidationPlan(
        name=name,
        type=written.type,
        sample=written.sample,
        max_mismatch=defaults.max_mismatch,
        confidence=float(written.confidence) if written.confidence else defaults.confidence,
        timeout=written.timeout or defaults.timeout,
        on_fail=written.on_fail or defaults.on_fail,
        share=written.share or defaults.share,
    )
    _check_sample(plan, node, findings)
    return plan


def _check_sample(plan: ValidationPlan, node: Node, findings: Findings) -> None:
    needed = smallest_sample(plan.max_mismatch, plan.confidence)
    if plan.sample < needed:
        findings.refuse(
            node.nearest("sample"), f"too small to prove maxMismatch at this confidence; write at least {needed}"
        )


def _rollback(written: Rollback, node: Node, findings: Findings) -> RollbackPlan:
    defaults = RollbackPlan()
    steps = tuple(written.steps or defaults.steps)
    for index, step in enumerate(steps):
        place = node.nearest("steps", index)
        if step == "run_hook":
            findings.lacks_effect(place, "hooks are not run yet")
        if step == "disable_flag" and index > 0:
            findings.refuse(place, "the flag is disabled before anything else; move it to the front")
    return RollbackPlan(
        steps=steps,
        cooldown=defaults.cooldown if written.cooldown is None else written.cooldown,
        max_attempts=written.max_attempts or defaults.max_attempts,
    )
