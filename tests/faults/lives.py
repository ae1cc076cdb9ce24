"""Invariants of runs, phases and what is counted: I6, I7, I8, I11, I12, I14, I16, I18, I24."""

from collections import Counter
from collections.abc import Iterator, Mapping

from crossfade.states import RunState
from store.phases import ENDED
from tests.faults.view import View

LIVE = {state.value for state in RunState if state.is_live}
# What a state may still become; a state that is not named here may become any.
AFTER: Mapping[str, Mapping[str, set[str]]] = {
    "run": {"rolled_back": set(), "stopped": set(), "completed": {"completed", "rolling_back"}},
    "migration": {"completed": set(), "aborted": set(), "failed": set()},
    "phase": {status.value: set() for status in ENDED},
}


def one_rollback_per_run(view: View) -> Iterator[str]:
    """I7: a run is rolled back once, whoever asks how often."""
    begun = Counter(row.run_id for row in view.said_of("rollback") if row.action == "rollback.begin" and row.run_id)
    rows = Counter(rollback.run_id for rollback in view.rollbacks if rollback.run_id)
    for run_id in begun | rows:
        if not (max(begun[run_id], rows[run_id]) <= 1):
            yield f"{view.run(run_id).key} was rolled back {max(begun[run_id], rows[run_id])} times"


def one_live_run(view: View) -> Iterator[str]:
    """I14: at no time two runs of a component are live."""
    live: dict[str, set[str]] = {}
    for row in view.said_of("run"):
        component = row.key.rsplit("/", 1)[0]
        keys = live.setdefault(component, set())
        keys.discard(row.key)
        if (row.after or {})["state"] in LIVE:
            keys.add(row.key)
        if len(keys) > 1:
            yield f"{' and '.join(sorted(keys))} were live at once"


def terminal_is_terminal(view: View) -> Iterator[str]:
    """I11: what has ended stays as it ended; a new attempt has a new epoch."""
    for row in view.audit:
        before, after = row.before or {}, row.after or {}
        name = "state" if row.kind == "run" else "status"
        allowed = AFTER.get(row.kind, {}).get(str(before.get(name)))
        if allowed is not None and after.get(name) not in {before[name], *allowed}:
            yield f"{row.kind} {row.key} was {before[name]} and became {after.get(name)}"
    epochs: dict[str, int] = {}
    for row in view.said_of("run"):
        component = row.key.rsplit("/", 1)[0]
        if row.action == "run.begin" and (row.after or {})["epoch"] <= epochs.get(component, 0):
            yield f"{row.key} began in an epoch that an earlier run has had"
        epochs[component] = max(epochs.get(component, 0), (row.after or {})["epoch"])


def phases_in_order(view: View) -> Iterator[str]:
    """I12: a phase starts after those that it depends on are complete."""
    complete: set[str] = set()
    needs = {phase.key: [f"{phase.migration}/{name}" for name in phase.depends_on] for phase in view.phases}
    for row in view.said_of("phase"):
        status = (row.after or {})["status"]
        missing = [name for name in needs[row.key] if name not in complete]
        if status in {"running", "validating", "completed"} and missing:
            yield f"{row.key} was {status} before {', '.join(missing)} was complete"
        if status == "completed":
            complete.add(row.key)


def batches_counted_once(view: View) -> Iterator[str]:
    """I6: what a client was told to have been counted is counted, and once."""
    for batch in sorted(view.acknowledged - view.batches):
        yield f"batch {batch} was acknowledged and is not known"
    if view.sent is not None:
        for metric in sorted(view.sent.keys() | view.counted.keys()):
            sent, counted = view.sent.get(metric, 0), view.counted.get(metric, 0)
            if sent != counted:
                yield f"{sent} of {metric} were acknowledged, {counted} are counted"


def enough_samples_before_each_advance(view: View) -> Iterator[str]:
    """I8: a step is left only after its minimum of candidate requests; a promotion by a person apart."""
    promoted = {row.run_id for row in view.audit if "promote" in row.action}
    for row in view.said_of("run"):
        if row.action not in {"run.step", "run.complete"} or row.run_id is None or row.run_id in promoted:
            continue
        left = int((row.before or {}).get("step", 0))
        if not left:
            continue
        step = view.run(row.run_id).plan.steps[left - 1]
        seen = view.requests.get((row.run_id, left), 0)
        if not (seen >= step.min_sample):
            yield f"{row.key} left step {left} after {seen} requests of {step.min_sample}"


def one_open_alert(view: View) -> Iterator[str]:
    """I16: one open alert for each rule, component and run."""
    for alert, count in Counter(view.alerts).items():
        if count > 1:
            yield f"{alert.rule} of {alert.component} is open {count} times"


def no_attempt_by_itself(view: View) -> Iterator[str]:
    """I18: after a rollback the next attempt of a migration is ordered by a person."""
    taken_back: set[tuple[object, str]] = set()
    for row in view.audit:
        if row.kind == "run" and row.run_id is not None:
            run = view.run(row.run_id)
            place = (run.migration_id, run.component)
            if row.action == "run.begin" and place in taken_back:
                yield f"{row.key} began by itself after a rollback"
            if (row.after or {})["state"] in {"rolled_back", "stopped"}:
                taken_back.add(place)
        if "retry" in row.action:
            taken_back.clear()


def everything_ends_or_says_why(view: View) -> Iterator[str]:
    """I24: what has not ended names what it waits for."""
    live = {migration.id for migration in view.migrations if migration.status.is_live}
    for component in view.components:
        is_open = component.status.value not in {"pending", "completed", "skipped", "rolled_back", "stopped"}
        if component.migration_id in live and is_open and not component.waiting_for:
            yield f"{component.key} is {component.status} and does not say why"
    for run in view.runs:
        if run.state.is_live and run.migration_id is not None and run.migration_id not in live:
            yield f"{run.key} is {run.state}, its migration has ended"
