from pathlib import Path

from temporalio.client import Client


async def test_the_server_knows_our_search_attributes(temporal: str) -> None:
    client = await Client.connect(temporal)
    found = [workflow async for workflow in client.list_workflows('MigrationName = "x" and RolloutPercentage > 5')]
    assert found == []


def test_the_time_skipping_server_is_there(test_server: str) -> None:
    assert Path(test_server).exists()
