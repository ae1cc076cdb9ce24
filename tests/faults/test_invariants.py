"""Each checker finds the violation that is planted for it in a view without any."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.states import ComponentStatus, RollbackState
from store.audit import AuditRow
from store.engine import create_engine
from tests.api.conftest import ADMIN
from tests.builders import ENVIRONMENT, completed_run, roll_back, served_run, started_migration
from tests.faults import agreement, lives, served
from tests.faults.invariants import CHECKERS, Checker, audit_violations, told_secrets, violations
from tests.faults.processes import Process
from tests.faults.view import Open, Revision, View, view_of

Plant = Callable[[View], View]


@pytest.fixture(scope="module")
def view(shared_database: str) -> View:
    """A migration with a component that is complete and one on its way back, in two phases that depend."""
    return asyncio.run(read(shared_database))


async def read(database: str) -> View:
    engine = create_engine(database)
    async with engine.connect() as connection:
        migration = await started_migration(connection, ("search",), ("errors",))
        search = await completed_run(connection, "search", migration_id=migration.id, steps=(100,))
        await served_run(connection, "errors", percentage=10, migration_id=migration.id)
        await roll_back(connection, "errors")
        view = await view_of(connection, ENVIRONMENT)
        await connection.rollback()
    await engine.dispose()
    first, second = sorted(view.phases, key=lambda phase: phase.position)
    return replace(
        view,
        phases=(first, replace(second, depends_on=(first.name,))),
        components=tuple(replace(part, waiting_for="its guardrails") for part in view.components),
        requests={(search.id, 1): 1000},
        sent=dict(view.counted),
        running=frozenset(running_in(view)),
    )


def running_in(view: View) -> list[str]:
    live = [run.workflow_id for run in view.runs if run.state.is_live]
    return [*live, f"migration/{ENVIRONMENT}/library", *(rollback.workflow_id for rollback in view.rollbacks)]


def last(view: View, name: str) -> Revision:
    return next(revision for revision in reversed(view.revisions) if revision.flag.name == name)


def republished(view: View, name: str, **changes: object) -> View:
    revision = last(view, name)
    flag = replace(revision.flag, **changes)  # type: ignore[arg-type]  # fields of a flag
    return replace(view, revisions=(*view.revisions, replace(revision, flag=flag)))


def said(view: View, kind: str, prefix: str, action: str, **images: object) -> View:
    """The view with one more audit row, like the newest one of its kind."""
    row = next(row for row in reversed(view.audit) if row.kind == kind and row.key.startswith(prefix))
    more: AuditRow = replace(row, action=action, **images)  # type: ignore[arg-type]  # images before and after
    return replace(view, audit=(*view.audit, more))


def run_image(view: View, key: str) -> dict[str, object]:
    return next(row.after for row in reversed(view.audit) if row.kind == "run" and row.key == key) or {}


def stopped_and_raised(view: View) -> View:
    row = view.audit[-1]
    stop = replace(row, kind="stop", key=ENVIRONMENT, action="stop.environment", before=None, after={})
    low = {"percentage": 0, "ceiling": 0, "enabled": False}
    high = {"percentage": 10, "ceiling": 10, "enabled": True}
    rows = [replace(row, kind="flag", key="search", action="flag.put", before=None, after=low)]
    rows += [stop, replace(rows[0], before=low, after=high)]
    return replace(view, audit=(*view.audit, *rows))


def live_twice(view: View) -> View:
    image = {**run_image(view, "errors/1"), "epoch": 99}
    return said(view, "run", "errors/1", "run.begin", key="errors/2", before=None, after=image)


def other_salt(view: View) -> View:
    former = {"conditions": {}, "overrides": {}, "fallbackEnabled": True, "salt": "another", "targetingKey": "x"}
    ended = replace(view.rollbacks[0], state=RollbackState.COMPLETED, former_configuration=former)
    return replace(view, rollbacks=(ended,), running=frozenset(running_in(view)))


def began_by_itself(view: View) -> View:
    image = run_image(view, "errors/1")
    view = said(view, "run", "errors/1", "run.rolled_back", before=image, after={**image, "state": "rolled_back"})
    again = {**image, "epoch": 98, "state": "ramping"}
    return said(view, "run", "errors/1", "run.begin", key="errors/2", before=None, after=again)


def completed_ramps(view: View) -> View:
    image = run_image(view, "search/1")
    return said(view, "run", "search/1", "run.lower", before=image, after={**image, "state": "held"})


def advanced_on_the_way_back(view: View) -> View:
    image = run_image(view, "errors/1")
    return said(view, "run", "errors/1", "run.bake", before=image, after=image)


def fell(view: View) -> View:
    image = {**run_image(view, "search/1"), "state": "ramping"}
    return said(view, "run", "search/1", "run.step", before=image, after={**image, "percentage": 5})


def above_its_step(view: View) -> View:
    return replace(view, revisions=(*view.revisions, replace(last(view, "search"), step=0)))


PLANTED: dict[Checker, Plant] = {
    served.no_percentage_above_its_step: above_its_step,
    served.epochs_only_grow: lambda view: republished(view, "errors", epoch=0),
    served.nothing_advances_that_is_on_its_way_back: advanced_on_the_way_back,
    served.nothing_is_served_after_a_rollback: lambda view: republished(view, "errors", ceiling=Decimal(10)),
    served.a_ramp_only_rises: fell,
    served.a_stop_dominates: stopped_and_raised,
    served.a_rollback_restores_the_configuration: other_salt,
    lives.one_rollback_per_run: lambda view: replace(view, rollbacks=(*view.rollbacks, *view.rollbacks)),
    lives.one_live_run: live_twice,
    lives.terminal_is_terminal: completed_ramps,
    lives.phases_in_order: lambda view: said(
        view, "phase", f"library/1/{view.phases[1].name}", "phase.running", after={"status": "running"}
    ),
    lives.batches_counted_once: lambda view: replace(view, sent={"requests": 20}, counted={"requests": 40}),
    lives.enough_samples_before_each_advance: lambda view: replace(view, requests={}),
    lives.one_open_alert: lambda view: replace(view, alerts=(Open("error-rate", "search", None),) * 2),
    lives.no_attempt_by_itself: began_by_itself,
    lives.everything_ends_or_says_why: lambda view: replace(
        view,
        components=tuple(replace(part, status=ComponentStatus.HELD, waiting_for=None) for part in view.components),
    ),
    agreement.temporal_agrees: lambda view: replace(view, running=frozenset()),
}


def test_a_violation_is_planted_for_each_checker() -> None:
    assert set(PLANTED) == set(CHECKERS)


def test_a_view_without_violations_has_none(view: View) -> None:
    assert violations(view) == []


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: checker.__name__)
def test_a_planted_violation_is_found(view: View, checker: Checker) -> None:
    assert list(checker(PLANTED[checker](view))) != []


def test_a_lost_batch_and_a_workflow_without_its_row_are_found(view: View) -> None:
    lost = replace(view, acknowledged=frozenset({str(uuid4())}))
    orphan = replace(view, running=view.running and view.running | {"rollback/test/search/7"})
    assert [found.split(":")[0] for found in violations(lost)] == ["batches_counted_once"]
    assert [found.split(":")[0] for found in violations(orphan)] == ["temporal_agrees"]


def test_a_logged_token_is_found(tmp_path: Path) -> None:
    silent, loud = (Process(name, (), {}, tmp_path / name) for name in ("silent", "loud"))
    silent.log.write_text("200 OK\n")
    loud.log.write_text(f"asked with {ADMIN}\n")
    assert told_secrets([silent, loud]) == ["loud has logged a token"]


async def test_a_state_that_its_audit_does_not_tell_is_found(connection: AsyncConnection) -> None:
    await served_run(connection, "search", percentage=10)
    assert await audit_violations(connection, ENVIRONMENT) == []
    await connection.execute(text("update feature_flags set salt = 'another'"))
    assert await audit_violations(connection, ENVIRONMENT) == ["the audit of flag search is not its state"]
