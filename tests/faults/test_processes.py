"""The processes of a scene, and one short scenario: a worker dies after its write and another one goes on."""

from decimal import Decimal

import pytest

from crossfade.states import MigrationStatus
from tests.conftest import _execute
from tests.faults.invariants import assert_invariants
from tests.faults.processes import Cluster
from tests.faults.scene import scene_of
from tests.local.processes import is_alive
from tests.workflows.plans import component, steps

POINT = "rollout.publish:after:1:kill"


async def test_a_killed_postgres_comes_back_with_what_was_committed(cluster: Cluster) -> None:
    await _execute(cluster.database_url, "create table kept (number int)")
    family = cluster.postgres.family()
    cluster.postgres.kill()
    assert [pid for pid in family if is_alive(pid)] == []
    with pytest.raises(OSError, match=r"No such file|refused"):
        await _execute(cluster.database_url, "select 1")
    cluster.start()
    await _execute(cluster.database_url, "drop table kept")


async def test_a_worker_that_dies_after_its_write_changes_nothing(cluster: Cluster) -> None:
    async with scene_of(cluster, "short") as scene:
        scene.arm(POINT)
        scene.hire("a", "b")
        migration = await scene.stage.start_one(component("search", ramp=steps(10, 100)))
        pid = await scene.until_fired(POINT)
        await scene.stage.until_status(migration, MigrationStatus.COMPLETED)

        assert [worker.pid for worker in scene.workers if not worker.is_running] == [pid]
        assert await scene.stage.percentages("search") == [Decimal(0), Decimal(10), Decimal(100)]
        await assert_invariants(scene)
