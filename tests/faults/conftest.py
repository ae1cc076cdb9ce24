"""One cluster for all scenarios, which leave it whole."""

import asyncio
from collections.abc import Iterator

import pytest

from crossfade.states import MigrationStatus
from tests.conftest import _migrate
from tests.faults.processes import Cluster, running_cluster
from tests.faults.scene import PHASES, Outcome, scene_of


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        _migrate(cluster.database_url)
        yield cluster


@pytest.fixture(scope="session")
def undisturbed(cluster: Cluster) -> Outcome:
    """The golden run: what the audit says of a migration that nobody disturbs."""

    async def run() -> Outcome:
        async with scene_of(cluster, "golden") as scene:
            scene.hire("a")
            migration = await scene.stage.start(*PHASES)
            await scene.stage.until_status(migration, MigrationStatus.COMPLETED)
            return await scene.outcome()

    return asyncio.run(run())
