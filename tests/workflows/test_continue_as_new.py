"""A rollout that has gone on for long continues as new, loses nothing, and is known to the reconciler."""

import os
from pathlib import Path

import local.temporal
from tests.replay.record import SHORT_HISTORY, by_hand
from tests.workflows.company import company_at, reconciled, stage_of
from workflows.messages import rollout_id


async def test_a_rollout_continues_as_new_and_completes(database_url: str, tmp_path: Path) -> None:
    with local.temporal.serve(tmp_path, os.environ, has_page=False, settings=SHORT_HISTORY) as temporal:
        async with company_at(database_url, temporal.address) as company, stage_of(company, "long") as stage:
            async with reconciled(stage):
                await by_hand(stage)
            query = f"WorkflowId = '{rollout_id('long', 'search')}'"
            runs = [execution async for execution in company.client.list_workflows(query)]
            percentages = await stage.percentages("search")
    assert len(runs) > 1
    assert [int(value) for value in percentages] == [0, 10, 35, 30, 40, 50, 100]
