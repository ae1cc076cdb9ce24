"""Plans for workflow tests, with defaults: short holds, small samples, the four guardrails."""

from datetime import timedelta
from decimal import Decimal

from crossfade.flags import Conditions
from crossfade.plan.resolved import (
    Approval,
    ComponentPlan,
    FlagPlan,
    Judging,
    RollbackPlan,
    Step,
    Threshold,
    ValidationPlan,
)

MOMENT = timedelta(milliseconds=300)
LONG = timedelta(hours=1)

ERROR_RATE = Threshold(
    name="error-rate",
    metric="errorRate",
    operator=">",
    value=0.01,
    window=timedelta(minutes=1),
    role="guardrail",
    action="rollback",
)
LATENCY = Threshold(
    name="latency-p95",
    metric="responseTime.p95",
    operator=">",
    value=500.0,
    window=timedelta(minutes=1),
    role="guardrail",
    action="rollback",
)
SHADOW = ValidationPlan(name="data-consistency", sample=60, max_mismatch=0.05, timeout=timedelta(minutes=5))
APPROVAL = Approval(name="release", reason_required=True)


def steps(
    *percentages: int, hold: timedelta = MOMENT, validate: tuple[str, ...] = (), approval: Approval | None = None
) -> tuple[Step, ...]:
    """Give steps that differ in their percentage only."""
    return tuple(
        Step(percentage=Decimal(value), hold=hold, min_sample=20, validate=validate, approval=approval)
        for value in percentages
    )


def component(
    name: str,
    *,
    ramp: tuple[Step, ...] | None = None,
    depends_on: tuple[str, ...] = (),
    validations: tuple[ValidationPlan, ...] = (),
    bake: timedelta = MOMENT,
    conditions: Conditions | None = None,
    judging: Judging | None = None,
    cooldown: timedelta = timedelta(0),
) -> ComponentPlan:
    """Give a component that completes in a few seconds."""
    return ComponentPlan(
        name=name,
        depends_on=depends_on,
        flag=FlagPlan(conditions=conditions or Conditions()),
        steps=ramp or steps(10, 50, 100),
        thresholds=(ERROR_RATE, LATENCY),
        judging=judging or Judging(),
        validations=validations,
        rollback=RollbackPlan(cooldown=cooldown),
        bake=bake,
    )
