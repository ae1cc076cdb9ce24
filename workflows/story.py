"""What Temporal's web page shows of a workflow: search attributes, and current details in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

from crossfade.plan.resolved import ComponentPlan
from workflows.messages import RolloutState

ENVIRONMENT = SearchAttributeKey.for_keyword("MigrationEnvironment")
NAME = SearchAttributeKey.for_keyword("MigrationName")
PHASE = SearchAttributeKey.for_keyword("MigrationPhase")
COMPONENT = SearchAttributeKey.for_keyword("MigrationComponent")
STATUS = SearchAttributeKey.for_keyword("MigrationStatus")
PERCENTAGE = SearchAttributeKey.for_float("RolloutPercentage")


def attributes(
    *, environment: str, migration: str = "", phase: str = "", component: str = "", status: str = "running"
) -> TypedSearchAttributes:
    """Give the search attributes that a workflow starts with."""
    values = ((ENVIRONMENT, environment), (NAME, migration), (PHASE, phase), (COMPONENT, component), (STATUS, status))
    return TypedSearchAttributes([SearchAttributePair(key, value) for key, value in values if value])


def rollout_attributes(state: RolloutState) -> Sequence[SearchAttributeUpdate[Any]]:
    """Give the search attributes that change while a rollout runs."""
    return [STATUS.value_set(state.status.value), PERCENTAGE.value_set(float(state.percentage))]


def describe_rollout(plan: ComponentPlan, state: RolloutState) -> str:
    """Tell where a rollout stands."""
    steps = " → ".join(
        f"**{step.percentage} %**" if number == state.step else f"{step.percentage} %"
        for number, step in enumerate(plan.steps, 1)
    )
    observed = state.observed
    verdict = f"{observed.verdict} after {observed.samples} candidate requests" if observed else "not judged yet"
    return "\n".join(
        (
            f"### {plan.name}: {state.status} at {state.percentage} %",
            f"- steps: {steps}",
            f"- waits for: {state.waits_for or 'nothing'}",
            f"- verdict: {verdict}",
            f"- run `{state.run_id}`, epoch {state.epoch}, attempt {state.attempt}",
            "",
            *(f"- {event}" for event in state.history[-10:]),
        )
    )


def describe_parts(title: str, detail: str, parts: Mapping[str, str]) -> str:
    """Tell where a migration's phases or a phase's components stand."""
    rows = (f"| {name} | {status} |" for name, status in parts.items())
    return "\n".join((f"### {title}", detail, "", "| | |", "|---|---|", *rows))
