"""What Temporal's web page shows of a workflow: search attributes, and current details in Markdown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
ROWS_SHOWN: Final = 100

MIGRATION_DETAILS: Final = """One execution of a plan: its phases in the order of their dependencies.

Orders (signals, with `{"actor": "you", "reason": "why"}`): `pause`, `resume`, `abort` (roll back what is live, leave
what is complete), `emergency_stop` (everything to legacy at once). Update: `retire`. Query: `state`."""
PHASE_DETAILS: Final = """The components of one phase in the order of their dependencies, then the gate at its end.

Orders: signals `pause` and `resume` with `{"actor": "you", "reason": "why"}`; updates `retry` and `skip` with
`{"component": "name", "actor": "you", "reason": "why"}`. Query: `state`."""
ROLLOUT_DETAILS: Final = """One attempt to move one component from legacy to candidate, a few percent at a time.

Orders: signals `pause`, `resume`, `hold`, `roll_back` with `{"actor": "you", "reason": "why"}`; updates `approve`,
`promote`, `hold`, and `set_percentage` with `{"percentage": "25", "actor": "you", "reason": "why"}`. Queries: `state`,
`history`."""
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
    rows = (
        ("served by candidate", f"**{state.percentage} %**"),
        ("steps", " → ".join(_step(step.percentage, number, state.step) for number, step in enumerate(plan.steps, 1))),
        ("waits for", state.waits_for or "nothing"),
        ("last verdict", _verdict(state)),
        ("run", f"`{state.run_id}`, attempt {state.attempt}, epoch {state.epoch}" if state.run_id else "none yet"),
    )
    events = [f"- {event}" for event in reversed(state.history[-10:])]
    return "\n".join(
        (_title(plan.name, state.status), "", *_table("", "", rows), "", "**What has happened**", "", *events)
    )


def describe_migration(name: str, status: str, phases: Mapping[str, str], *, detail: str, environment: str) -> str:
    """Tell where a migration's phases stand."""
    rows = ((phase, _mark(state), f"`{phase_id(environment, name, phase)}`") for phase, state in phases.items())
    words = ("", f"Waits for: {detail}") if detail else ()
    return "\n".join((_title(name, status), *words, "", *_table("phase", "status", rows, "workflow")))


def describe_phase(name: str, status: str, components: Mapping[str, str], *, detail: str, environment: str) -> str:
    """Tell where a phase's components stand."""
    rows = ((part, _mark(state), f"`{rollout_id(environment, part)}`") for part, state in components.items())
    words = ("", f"Waits for: {detail}") if detail else ()
    return "\n".join((_title(name, status), *words, "", *_table("component", "status", rows, "workflow")))


def describe_rollback(component: str, reason: str, steps: Mapping[str, str], *, from_percentage: float) -> str:
    """Tell why a component went back, and how far its steps are."""
    served = f"Candidate served {from_percentage:g} %; legacy has served everybody since before the first step."
    rows = ((name, _mark(progress)) for name, progress in steps.items())
    return "\n".join((f"### Rollback of {component}", "", reason, "", served, "", *_table("step", "progress", rows)))


def _title(name: str, status: str) -> str:
    return f"### {name} · {status.replace('_', ' ')}"


def _step(percentage: Decimal, number: int, served: int) -> str:
    if number == served:
        return f"**{percentage} %**"
    return f"~~{percentage} %~~" if number < served else f"{percentage} %"


def _verdict(state: RolloutState) -> str:
    observed = state.observed
    if observed is None:
        return "not judged yet"
    return f"{observed.verdict} after {observed.samples} candidate requests at step {observed.step}"


def _mark(status: str) -> str:
    """A sign before a status, for those who look from afar."""
    signs = {
        "completed": "✅",
        "skipped": "⏭️",
        "pending": "⚪",
        "paused": "⏸️",
        "held": "✋",
        "rolled_back": "↩️",
        "stopped": "🛑",
        "aborted": "⏹️",
        "failed": "❌",
        "done": "✅",
    }
    word = status.partition(":")[0]
    return f"{signs.get(word, '🔵')} {status.replace('_', ' ')}"


def _table(first: str, second: str, rows: Iterable[Sequence[str]], *more: str) -> Iterator[str]:
    """Give a Markdown table."""
    heads = (first, second, *more)
    yield _row(heads)
    yield "|" + "---|" * len(heads)
    shown = list(rows)
    for row in shown[:ROWS_SHOWN]:
        yield _row(row)
    if len(shown) > ROWS_SHOWN:
        yield _row((f"and {len(shown) - ROWS_SHOWN} more", *("" for _ in heads[1:])))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') for cell in cells)} |"
