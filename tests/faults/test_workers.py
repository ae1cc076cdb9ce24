"""A worker is killed beside the writes of a ramp; a second one goes on."""

import pytest

from crossfade.states import MigrationStatus
from tests.faults.figures import stalls, tell
from tests.faults.invariants import assert_invariants
from tests.faults.processes import Cluster
from tests.faults.scene import PHASES, PUBLICATIONS, Outcome, scene_of

LONGEST_STALL = 5.0
EACH = range(1, PUBLICATIONS + 1)
# Where the worker dies: at each percentage of the ramp, then around what comes before and after it.
MOMENTS = {
    "before each write": [f"rollout.publish:before:{number}:kill" for number in EACH],
    "after each write": [f"rollout.publish:after:{number}:kill" for number in EACH],
    "after each completion": [f"rollout.await_confirmation:before:{number}:kill" for number in EACH],
    "around begin, bake and end": [
        "rollout.begin:before:1:kill",
        "rollout.begin:after:2:kill",
        "rollout.bake:after:1:kill",
        "rollout.bake:before:2:kill",
        "rollout.complete:before:1:kill",
        "rollout.complete:after:2:kill",
        "migration.set_phase:after:2:kill",
        "migration.set_status:after:2:kill",
    ],
}


@pytest.mark.faults
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_ramp_whose_worker_is_killed_ends_as_an_undisturbed_one(
    cluster: Cluster, undisturbed: Outcome, moment: str
) -> None:
    async with scene_of(cluster, "kill") as scene:
        for point in MOMENTS[moment]:
            scene.arm(point)
        scene.hire("a", "b")
        async with scene.attended():
            migration = await scene.stage.start(*PHASES)
            await scene.stage.until_status(migration, MigrationStatus.COMPLETED)
        assert await scene.outcome() == undisturbed
        assert sorted(scene.fired()) == sorted(MOMENTS[moment])
        await assert_invariants(scene)
        found = await stalls(scene)
        tell(f"{moment}: {len(found)} kills, stalls {', '.join(f'{stall:.1f}' for stall in found)} s")
        assert max(found) <= LONGEST_STALL
