"""Invariants of what is served: I3, I4, I9, I10, I17."""

from collections.abc import Iterator
from decimal import Decimal

from crossfade.flags import to_definition
from tests.faults.view import View

KEPT = ("conditions", "overrides", "fallbackEnabled", "salt", "targetingKey")
BY_HAND = {"run.set_percentage", "run.lower", "run.resume"}
ADVANCES = {"run.step", "run.bake", "run.complete"}
ADVANCING = {"ramping", "baking"}


def no_percentage_above_its_step(view: View) -> Iterator[str]:
    """I3: a revision of a run serves at most the percentage of its step, unless a person has set another."""
    by_hand = {row.run_id for row in view.audit if row.action in BY_HAND}
    for revision in view.revisions:
        if revision.run_id is None or revision.run_id in by_hand:
            continue
        steps = view.run(revision.run_id).plan.steps
        allowed = steps[revision.step - 1].percentage if revision.step else Decimal(0)
        if not (revision.flag.served_percentage <= allowed):
            flag = revision.flag
            yield f"revision {flag.revision} of {flag.name} serves {flag.served_percentage} % at step {revision.step}"


def epochs_only_grow(view: View) -> Iterator[str]:
    """I9: no flag is published, and no run written, by a writer of an epoch that has passed."""
    reached: dict[str, int] = {}
    for revision in view.revisions:
        flag = revision.flag
        if flag.epoch < reached.get(flag.name, 0):
            yield f"revision {flag.revision} of {flag.name} is of epoch {flag.epoch} after {reached[flag.name]}"
        reached[flag.name] = max(flag.epoch, reached.get(flag.name, 0))
    for row in view.said_of("run"):
        before, after = row.before or {}, row.after or {}
        if before.get("epoch", 0) > after["epoch"]:
            yield f"{row.key}: {row.action} went back to epoch {after['epoch']}"


def nothing_advances_that_is_on_its_way_back(view: View) -> Iterator[str]:
    """I9: a step, a bake and an end follow upon a state that may advance."""
    for row in view.said_of("run"):
        state = (row.before or {}).get("state")
        if row.action in ADVANCES and state not in ADVANCING:
            yield f"{row.key}: {row.action} of a run that is {state}"


def nothing_is_served_after_a_rollback(view: View) -> Iterator[str]:
    """I9, I10: no revision of a run serves candidate once its rollback has begun."""
    begun = {rollback.run_id: rollback.epoch for rollback in view.rollbacks if rollback.run_id is not None}
    for revision in view.revisions:
        flag = revision.flag
        if revision.run_id in begun and flag.epoch >= begun[revision.run_id] and flag.served_percentage:
            yield f"revision {flag.revision} of {flag.name} serves {flag.served_percentage} % after its rollback"


def a_ramp_only_rises(view: View) -> Iterator[str]:
    """I4: the steps of a run rise, and its salt and targeting key stay, so that nobody is moved back."""
    highest: dict[object, Decimal] = {}
    keys: dict[object, tuple[str, str]] = {}
    for row in view.said_of("run"):
        if row.action == "run.step":
            served = Decimal(str((row.after or {})["percentage"]))
            if served < highest.get(row.run_id, Decimal(0)):
                yield f"{row.key} fell from {highest[row.run_id]} to {served} %"
            highest[row.run_id] = served
    for revision in view.revisions:
        if revision.run_id is None or not revision.flag.served_percentage:
            continue
        key = (revision.flag.salt, revision.flag.targeting_key)
        if keys.setdefault(revision.run_id, key) != key:
            yield f"revision {revision.flag.revision} of {revision.flag.name} hashes otherwise than its run"


def a_stop_dominates(view: View) -> Iterator[str]:
    """I10: while a stop of the environment is in force no flag is raised."""
    is_stopped = False
    served: dict[str, Decimal] = {}
    for row in view.audit:
        if row.kind == "stop":
            is_stopped = row.action == "stop.environment" or (is_stopped and row.action != "stop.release")
        if row.kind != "flag" or row.after is None:
            continue
        after = row.after
        now = min(Decimal(str(after["percentage"])), Decimal(str(after["ceiling"]))) if after["enabled"] else Decimal(0)
        if is_stopped and now > served.get(row.key, Decimal(0)):
            yield f"{row.key} was raised to {now} % by {row.action} while a stop was in force"
        served[row.key] = now


def a_rollback_restores_the_configuration(view: View) -> Iterator[str]:
    """I17: after a rollback that has ended the flag is what it was before the run, at 0 %."""
    flags = {flag.name: flag for flag in view.flags}
    last_runs = {run.component: run.id for run in sorted(view.runs, key=lambda run: run.attempt)}
    for rollback in view.rollbacks:
        former, flag = rollback.former_configuration, flags[rollback.component]
        if rollback.state.value != "completed" or rollback.run_id != last_runs.get(rollback.component):
            continue
        now = to_definition(flag)
        if former is not None and (other := [name for name in KEPT if now[name] != former[name]]):
            yield f"{flag.name} has not got its former {', '.join(other)} back"
        if flag.served_percentage and rollback.restore is None:
            yield f"{flag.name} serves {flag.served_percentage} % after its rollback"
