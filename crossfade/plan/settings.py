"""The settings of a component as people write them, in defaults, in templates and at the component.

A layer may leave out what another gives, so nearly every key is optional here; what is missing after merging is
found when the plan is resolved.
"""

from typing import Annotated, Literal

from pydantic import Field

from crossfade.plan.quantities import (
    AttributeValue,
    Duration,
    Lasting,
    Limit,
    Number,
    Percentage,
    ProperFraction,
    Required,
    Share,
)
from crossfade.plan.resolved import Action, HoldOrRollback, OnFail, Operator, Role, RollbackStep
from crossfade.plan.section import Line, Name, Sample, Section, SeverityWord, Text, Word

AttributeOperator = Literal[
    "in", "not_in", "eq", "ne", "gt", "gte", "lt", "lte", "starts_with", "ends_with", "exists",
    "semver_eq", "semver_ne", "semver_gt", "semver_gte", "semver_lt", "semver_lte",
]  # fmt: skip


class Attribute(Section):
    """What an attribute of the context must be."""

    op: AttributeOperator
    values: Annotated[list[AttributeValue], Field(max_length=1000)] = Field(default_factory=list)


class Conditions(Section):
    """Who may get candidate at all."""

    environment: Name | None = None
    user_groups: Annotated[list[Line], Field(min_length=1, max_length=1000)] | None = None
    attributes: dict[Word, Attribute] | None = None


class Flag(Section):
    """What the component's flag is set to."""

    targeting_key: Word | None = None
    fallback_enabled: bool | None = None
    conditions: Conditions | None = None
    salt: Name | None = None
    allow_conditional: bool | None = None


class Step(Section):
    """One percentage with its gates."""

    percentage: Percentage
    hold: Duration | None = None
    min_sample: Sample | None = None
    checks: Annotated[list[Name] | None, Field(alias="validate")] = None
    approval: Name | None = None


Steps = Annotated[list[Step], Field(min_length=1, max_length=100)]


class Ramp(Section):
    """Steps by template, written out, or in the short form: percentages that share their gates."""

    template: Name | None = None
    steps: Steps | None = None
    percentages: Annotated[list[Percentage], Field(min_length=1, max_length=100)] | None = None
    hold: Duration | None = None
    min_sample: Sample | None = None
    checks: Annotated[list[Name] | None, Field(alias="validate")] = None
    approval: Name | None = None


class Metric(Section):
    """A threshold on one metric: `max`/`min` and `window`, or `operator`, `threshold`/`value` and `windowMinutes`."""

    name: Name | None = None
    component: Name | None = None
    enabled: bool | None = None
    source: Name | None = None
    metric: Word | None = None
    query: Text | None = None
    max: Limit | None = None
    min: Limit | None = None
    operator: Operator | None = None
    threshold: Limit | None = None
    value: Limit | None = None
    unit: Literal["ms"] | None = None
    compare: Literal["legacy"] | None = None
    window: Lasting | None = None
    window_minutes: Annotated[int, Field(ge=1, le=1440)] | None = None
    action: Action | None = None
    role: Role | None = None
    severity: SeverityWord | None = None
    failure_limit: Annotated[int, Field(ge=0, le=1000)] | None = None
    min_sample: Sample | None = None
    initial_delay: Duration | None = None
    estimate: Literal["bound", "point"] | None = None
    attribute: Literal["latestRaise"] | None = None


Metrics = Annotated[list[Metric], Field(max_length=100)]


class Thresholds(Section):
    """The metrics of a component and how they are read."""

    template: Name | None = None
    metrics: Metrics | None = None
    required: Required | None = None
    no_data: HoldOrRollback | None = None
    no_data_grace: Duration | None = None
    consecutive_error_limit: Annotated[int, Field(ge=1, le=1000)] | None = None
    interval: Lasting | None = None
    freshness: Lasting | None = None


class Approx(Section):
    """Numbers that count as equal."""

    rel: Share | None = None
    abs: Number | None = None


class Comparator(Section):
    """How two answers are compared."""

    approx: Approx | None = None
    ignore: list[Line] | None = None


class Validation(Section):
    """A shadow comparison."""

    type: Literal["shadow-compare"] | None = None
    sample: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    max_mismatch: ProperFraction | None = None
    confidence: ProperFraction | None = None
    timeout: Lasting | None = None
    on_fail: OnFail | None = None
    share: Share | None = None
    comparator: Comparator | None = None
    noise_baseline: bool | None = None


class ExperimentMetric(Section):
    """What an experiment looks at."""

    name: Word
    direction: Literal["increase", "decrease"]
    margin: Share | None = None


class Experiment(Section):
    """The A/B comparison of a component."""

    metrics: Annotated[list[ExperimentMetric], Field(min_length=1, max_length=50)] | None = None
    alpha: ProperFraction | None = None


class Rollback(Section):
    """What follows the failover."""

    steps: Annotated[list[RollbackStep], Field(min_length=1)] | None = None
    cooldown: Duration | None = None
    max_attempts: Annotated[int, Field(ge=1, le=100)] | None = None


class Settings(Section):
    """What a component has, and what defaults give to all components."""

    flag: Flag | None = None
    ramp: Ramp | None = None
    thresholds: Thresholds | None = None
    validation: dict[Name, Validation] | None = None
    experiment: Experiment | None = None
    rollback: Rollback | None = None
    bake: Duration | None = None
