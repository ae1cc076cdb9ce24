"""Workflows replay the histories that a real server has recorded: what runs for weeks must survive new code."""

from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

import worker
from tests.replay.altered import Rollout as Altered

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


def replayer(*workflows: type) -> Replayer:
    """Give a replayer with the worker's own sandbox and converter."""
    return Replayer(workflows=workflows, workflow_runner=worker.runner(), data_converter=pydantic_data_converter)


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text())


def test_the_corpus_holds_every_workflow_and_continue_as_new() -> None:
    names = {path.stem.rsplit("-", 1)[1] for path in HISTORIES}
    assert names == {"migration", "phase", "rollout", "rollback", "monitor"}
    assert any("WORKFLOW_EXECUTION_CONTINUED_AS_NEW" in path.read_text() for path in HISTORIES)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_history_replays(path: Path) -> None:
    result = await replayer(*worker.WORKFLOWS).replay_workflow(history(path), raise_on_replay_failure=False)
    assert result.replay_failure is None


async def test_an_altered_workflow_does_not_replay() -> None:
    """The twin: the same histories under a rollout that writes one thing more must fail."""
    rollouts = [path for path in HISTORIES if path.stem.startswith("complete") and path.stem.endswith("-rollout")]
    assert rollouts
    for path in rollouts:
        with pytest.raises(workflow.NondeterminismError):
            await replayer(Altered).replay_workflow(history(path))
