import os
from pathlib import Path

import pytest
from temporalio.client import Client

from local import temporal as server
from local.errors import NoTemporal
from local.temporal import Temporal


async def test_the_server_knows_our_search_attributes(temporal: str) -> None:
    client = await Client.connect(temporal)
    found = [workflow async for workflow in client.list_workflows('MigrationName = "x" and RolloutPercentage > 5')]
    assert found == []


def test_the_time_skipping_server_is_there(test_server: str) -> None:
    assert Path(test_server).exists()


def test_a_configured_temporal_replaces_the_server_and_its_clients_keep_their_configuration(tmp_path: Path) -> None:
    with server.serve(tmp_path, {"TEMPORAL_ADDRESS": "cluster.example:7233"}) as configured:
        assert configured == Temporal("cluster.example:7233")
        assert configured.environment == {}
    assert list(tmp_path.iterdir()) == []


def test_a_server_of_our_own_is_used_without_any_profile(tmp_path: Path) -> None:
    with server.serve(tmp_path, os.environ, has_page=False) as own:
        assert own.environment["TEMPORAL_ADDRESS"] == own.address
        assert own.environment["TEMPORAL_CONFIG_FILE"] == os.devnull
        assert own.page is None


def test_another_program_can_be_named() -> None:
    assert server.program("temporal", {"TEMPORAL_BIN": "/opt/temporal"}) == "/opt/temporal"


def test_a_program_that_is_missing_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoTemporal, match=r"temporal-nothing .*TEMPORAL_NOTHING_BIN"):
        server.program("temporal-nothing", {})
