"""What Temporal's web page shows of a workflow: search attributes, and current details in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

from crossfade.plan.resolved import ComponentPlan
from workflows.messages import RolloutState, phase_id, rollout_id

ENVIRONMENT = SearchAttributeKey.for_keyword("MigrationEnvironment")
NAME = SearchAttributeKey.for_keyword("MigrationName")
PHASE = SearchAttributeKey.for_keyword("MigrationPhase")
COMPONENT = SearchAttributeKey.for_keyword("MigrationComponent")
STATUS = SearchAttributeKey.for_keyword("MigrationStatus")
PERCENTAGE = SearchAttributeKey.for_float("RolloutPercentage")

SUMMARY_BYTES: Final = 200
PARTS_SHOWN: Final = 100

# One line a paragraph: the page breaks lines where the text does.
MIGRATION_DETAILS: Final = (
    "One execution of a plan: its phases in the order of their dependencies.\n\n"
    "Orders: signals `pause`, `resume`, `abort` (roll back what is live, leave what is complete) and `emergency_stop` "
    '(everything to legacy at once), each with `{"actor": "you", "reason": "why"}`; update `retire`.\n\n'
    "Query: `state`."
)
PHASE_DETAILS: Final = (
    "The components of one phase in the order of their dependencies, then the validation at its end.\n\n"
    'Orders: signals `pause` and `resume` with `{"actor": "you", "reason": "why"}`; updates `retry` and `skip` with '
    '`{"component": "name", "actor": "you", "reason": "why"}`.\n\n'
    "Query: `state`."
)
ROLLOUT_DETAILS: Final = (
    "One attempt to move one component from legacy to candidate, a few percent at a time.\n\n"
    "Orders: signals `pause`, `resume`, `hold` and `roll_back`, updates `approve`, `promote` and `hold`, each with "
    '`{"actor": "you", "reason": "why"}`; update `set_percentage` with `{"percentage": 25, "actor": "you"}`.\n\n'
    "Queries: `state`, `history`."
)
DETAILS: Final[Mapping[str, str]] = {
    "Migration": MIGRATION_DETAILS,
    "Rollback": "The steps that put things in order after a rollback; the traffic is on legacy already.",
    "Validation": "A comparison of candidate with legacy that a person asked for.",
}


def brief(words: str) -> str:
    """Cut a summary to what Temporal takes: 200 bytes."""
    return (
        words
        if len(words.encode()) <= SUMMARY_BYTES
        else words.encode()[: SUMMARY_BYTES - 3].decode(errors="ignore") + "…"
    )


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
    """Tell where a rollout stands, in the order in which a person asks: what is served, why not more, since when."""
    lines = (
        f"- candidate serves **{state.percentage} %**",
        f"- steps: {_steps(plan, state.step)}",
        f"- waits for: {state.waits_for or 'nothing'}",
        f"- verdict: {_verdict(state)}",
        f"- run: `{state.run_id}`, attempt {state.attempt}, epoch {state.epoch}" if state.run_id else "- run: none yet",
    )
    events = [f"- {event}" for event in reversed(state.history[-10:])]
    return "\n".join(
        (_title(plan.name, state.status), "", *lines, "", "**What has happened, newest first**", "", *events)
    )


def describe_migration(name: str, status: str, phases: Mapping[str, str], *, detail: str, environment: str) -> str:
    """Tell where a migration's phases stand."""
    parts = (
        f"- **{phase}**: {_words(state)} · `{phase_id(environment, name, phase)}`" for phase, state in phases.items()
    )
    return _described(_title(name, status), detail, parts)


def describe_phase(name: str, status: str, components: Mapping[str, str], *, detail: str, environment: str) -> str:
    """Tell where a phase's components stand."""
    parts = (f"- **{part}**: {_words(state)} · `{rollout_id(environment, part)}`" for part, state in components.items())
    return _described(_title(name, status), detail, parts)


def describe_rollback(component: str, reason: str, steps: Mapping[str, str], *, from_percentage: float) -> str:
    """Tell why a component went back, and how far its steps are."""
    served = f"Candidate served {from_percentage:g} %; legacy has served everybody since before the first step."
    parts = (f"- **{name}**: {_words(progress)}" for name, progress in steps.items())
    return "\n".join((f"### Rollback of {component}", "", reason, "", served, "", *parts))


def _described(title: str, detail: str, parts: Iterable[str]) -> str:
    lines = list(parts)
    more = [f"- and {len(lines) - PARTS_SHOWN} more"] if len(lines) > PARTS_SHOWN else []
    waits = (f"Waits for {detail}", "") if detail else ()
    return "\n".join((title, "", *waits, *lines[:PARTS_SHOWN], *more))


def _title(name: str, status: str) -> str:
    return f"### {name} · {_words(status)}"


def _steps(plan: ComponentPlan, served: int) -> str:
    return " → ".join(_step(step.percentage, number, served) for number, step in enumerate(plan.steps, 1))


def _step(percentage: Decimal, number: int, served: int) -> str:
    if number == served:
        return f"**{percentage} %**"
    return f"~~{percentage} %~~" if number < served else f"{percentage} %"


def _verdict(state: RolloutState) -> str:
    observed = state.observed
    if observed is None:
        return "not judged yet"
    return f"{observed.verdict} after {observed.samples} candidate requests at step {observed.step}"


def _words(status: str) -> str:
    return status.replace("_", " ")
