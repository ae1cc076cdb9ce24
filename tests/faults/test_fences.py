"""A worker freezes in the activity that raises the percentage and wakes up after a rollback: its write is too late."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from uuid import uuid4

import pytest

from crossfade.states import ComponentStatus
from tests.conftest import _execute, _migrate, _with_database
from tests.faults.figures import tell
from tests.faults.invariants import assert_invariants, violations
from tests.faults.processes import Cluster
from tests.faults.scene import Scene, scene_of
from tests.faults.view import view_of
from tests.workflows.plans import component, steps

RAISES = "rollout.publish:before:2:freeze"
# The database refuses such writes as well; the twin does without.
UNGUARDED = (
    "alter table runs disable trigger runs_guard",
    "alter table runs drop constraint ck_runs_legacy",
)


async def thaw_after_a_rollback(scene: Scene) -> None:
    """Freeze a worker before the second percentage, roll back, and let it go on."""
    scene.arm(RAISES)
    migration = await scene.stage.start_one(component("search", ramp=steps(10, 50, 100)))
    pid = await scene.until_fired(RAISES)
    (frozen,) = [worker for worker in scene.workers if worker.pid == pid]
    await scene.stage.begin_rollback("search")
    await scene.stage.until_component(migration, "search", ComponentStatus.ROLLED_BACK)
    frozen.thaw()


@pytest.mark.faults
async def test_a_write_that_wakes_up_after_a_rollback_changes_nothing(cluster: Cluster) -> None:
    async with scene_of(cluster, "fence") as scene:
        scene.hire("a", "b")
        await thaw_after_a_rollback(scene)

        async def said() -> list[str]:
            return [worker.said() for worker in scene.workers]

        await scene.stage.until("the write is fenced", said, lambda seen: any("Fenced" in words for words in seen))
        assert await scene.stage.percentages("search") == [Decimal(0), Decimal(10), Decimal(0)]
        await assert_invariants(scene)


@pytest.mark.faults
async def test_the_twin_without_fences_raises_what_was_rolled_back(cluster: Cluster) -> None:
    async with unguarded(cluster), scene_of(cluster, "unfenced") as scene:
        scene.hire("a", "b", script="-m tests.faults.unfenced_worker")
        await thaw_after_a_rollback(scene)
        await scene.stage.until_percentage("search", 50)
        async with scene.engine.begin() as connection:
            found = violations(await view_of(connection, scene.environment))
        tell(f"twin without fences: {len(found)} violations found by the checkers")
        names = {violation.split(":")[0] for violation in found}
        assert {"nothing_advances_that_is_on_its_way_back", "nothing_is_served_after_a_rollback"} <= names


@asynccontextmanager
async def unguarded(cluster: Cluster) -> AsyncIterator[None]:
    """Another database for as long as it lasts, in which the rules of the tables do not stop a late writer."""
    usual, name = cluster.database_url, f"unguarded_{uuid4().hex[:8]}"
    await _execute(usual, f"create database {name}")
    cluster.database_url = _with_database(usual, name)
    try:
        _migrate(cluster.database_url)
        for statement in UNGUARDED:
            await _execute(cluster.database_url, statement)
        yield
    finally:
        await _execute(usual, f"drop database {name} with (force)")
        cluster.database_url = usual
