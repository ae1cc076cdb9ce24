"""A rollout from its first step to its bake, and everything that must beat its waits."""

from decimal import Decimal

from crossfade.states import ComponentStatus, MigrationStatus
from tests.workflows.plans import component
from tests.workflows.stage import Stage


async def test_a_component_ramps_step_by_step_and_completes(stage: Stage) -> None:
    migration = await stage.start_one(component("search"))
    await stage.until_status(migration, MigrationStatus.COMPLETED)
    assert await stage.percentages("search") == [Decimal(0), Decimal(10), Decimal(50), Decimal(100)]
    assert await stage.components(migration) == {"search": ComponentStatus.COMPLETED}
    flag = await stage.flag("search")
    assert (flag.served_percentage, flag.is_live) == (100, False)
