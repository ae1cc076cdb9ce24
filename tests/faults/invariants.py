"""All invariants, checked after each scenario. Each checker reads a view and names what it finds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from store import audit
from tests.api.conftest import ADMIN, SDK
from tests.faults import agreement, lives, served
from tests.faults.agreement import histories, running, unreplayable, workflow_ids
from tests.faults.processes import Process
from tests.faults.scene import Scene
from tests.faults.view import View, view_of
from tests.store.replay import replayed, stored

Checker = Callable[[View], Iterator[str]]

CHECKERS: tuple[Checker, ...] = (
    served.no_percentage_above_its_step,
    served.epochs_only_grow,
    served.nothing_advances_that_is_on_its_way_back,
    served.nothing_is_served_after_a_rollback,
    served.a_ramp_only_rises,
    served.a_stop_dominates,
    served.a_rollback_restores_the_configuration,
    lives.one_rollback_per_run,
    lives.one_live_run,
    lives.terminal_is_terminal,
    lives.phases_in_order,
    lives.batches_counted_once,
    lives.enough_samples_before_each_advance,
    lives.one_open_alert,
    lives.no_attempt_by_itself,
    lives.everything_ends_or_says_why,
    agreement.temporal_agrees,
)


def violations(view: View) -> list[str]:
    """What the checkers find."""
    return [f"{checker.__name__}: {found}" for checker in CHECKERS for found in checker(view)]


async def audit_violations(connection: AsyncConnection, environment: str) -> list[str]:
    """I5, I13: the audit replays to the state, each row begins where the one before it ended, and its chain holds."""
    found = []
    broken = await audit.first_broken(connection, environment)
    if broken is not None:
        found.append(f"the audit's chain breaks at row {broken}")
    try:
        replay = await replayed(connection, environment)
    except AssertionError as gap:
        return [*found, f"the audit does not replay: {gap}"]
    state = await stored(connection, environment)
    other = sorted(key for key in replay.keys() | state.keys() if replay.get(key) != state.get(key))
    return [*found, *(f"the audit of {kind} {key} is not its state" for kind, key in other)]


def told_secrets(processes: Iterable[Process]) -> list[str]:
    """I20: the processes that have logged a token."""
    secrets = [token.rsplit("_", 1)[1] for token in (ADMIN, SDK)]
    return [f"{each.name} has logged a token" for each in processes if any(word in each.said() for word in secrets)]


async def assert_invariants(scene: Scene) -> None:
    """Nothing is broken, and the database and Temporal agree as soon as both are at rest."""

    async def look() -> list[str]:
        async with scene.engine.begin() as connection:
            view = await view_of(connection, scene.environment)
        view = replace(view, running=await running(scene.client, workflow_ids(view)))
        return list(agreement.temporal_agrees(view))

    await scene.traffic.end()
    await scene.stage.until("the database and Temporal agree", look, lambda seen: not seen)
    snapshot = scene.engine.execution_options(isolation_level="REPEATABLE READ")
    async with snapshot.begin() as connection:
        view = await view_of(connection, scene.environment)
        found = await audit_violations(connection, scene.environment)
    view = replace(view, acknowledged=frozenset(scene.traffic.acknowledged), sent=scene.traffic.counted)
    found += violations(view)
    found += await unreplayable(await histories(scene.client, workflow_ids(view)))
    found += told_secrets(scene.cluster.processes)
    assert not found, "\n".join(found)
