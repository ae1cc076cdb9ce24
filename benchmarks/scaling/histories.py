"""The histories of all workflows of a stack: how many events, how many bytes."""

from collections import defaultdict
from dataclasses import dataclass

from temporalio.client import Client, WorkflowExecution


@dataclass(frozen=True, slots=True)
class Histories:
    """The workflows of one type."""

    workflows: int
    most_events: int
    longest: str
    median_events: int
    most_bytes: int


async def histories(address: str) -> dict[str, Histories]:
    """The histories by type of workflow; the server's own workflows are left out."""
    client = await Client.connect(address)
    by_type: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    async for execution in client.list_workflows():
        if not execution.workflow_type.startswith("temporal-sys"):
            by_type[execution.workflow_type].append(await _size(client, execution))
    return {name: _summed(sizes) for name, sizes in sorted(by_type.items())}


async def _size(client: Client, execution: WorkflowExecution) -> tuple[int, int, str]:
    # The list does not know the length of a history that still grows.
    described = await client.get_workflow_handle(execution.id, run_id=execution.run_id).describe()
    info = described.raw_description.workflow_execution_info
    return info.history_length, info.history_size_bytes, execution.id


def _summed(sizes: list[tuple[int, int, str]]) -> Histories:
    events, _, longest = max(sizes)
    return Histories(
        workflows=len(sizes),
        most_events=events,
        longest=longest,
        median_events=sorted(size[0] for size in sizes)[len(sizes) // 2],
        most_bytes=max(size[1] for size in sizes),
    )
