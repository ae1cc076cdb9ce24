"""What runs in Temporal, as it says itself: a list that may be late, and the description of one that is not."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from workflows.story import NAME

CALL: Final = 2.0  # seconds for one call
LIST: Final = 10.0  # seconds for all pages of the list
AT_ONCE: Final = 10


class Unreachable(Exception):
    """Temporal does not answer."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A workflow that has been started once.

    Attributes:
        chain: the run id that its first execution had, the same after continue-as-new; empty from an old server.
        migration: the name of the migration that it belongs to, as its search attribute says.
        key: the id of the row that it was started for, where it was told.
        status: None while it runs, else how it has ended, in words.
    """

    id: str
    run_id: str
    chain: str
    kind: str
    migration: str
    key: str
    status: str | None

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.status is None


@asynccontextmanager
async def answering(seconds: float = CALL) -> AsyncIterator[None]:
    """A call to Temporal; Unreachable when it does not answer in time, or not as it should."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (RPCError, TimeoutError, RuntimeError) as error:
        raise Unreachable(type(error).__name__) from error


async def running(client: Client, environment: str) -> tuple[str, ...]:
    """Give the ids of what runs in an environment; eventually consistent. It also says that the namespace exists."""
    query = f"MigrationEnvironment = '{environment}' and ExecutionStatus = 'Running'"
    async with answering(LIST):
        return tuple([each.id async for each in client.list_workflows(query)])


async def describe(client: Client, ids: Iterable[str]) -> dict[str, Execution | None]:
    """Give the latest execution of each id, None where Temporal knows of none; consistent. Raises Unreachable."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(workflow_id: str) -> Execution | None:
        async with gate:
            return await _describe(client, workflow_id)

    wanted = list(dict.fromkeys(ids))
    return dict(zip(wanted, await asyncio.gather(*(one(each) for each in wanted)), strict=True))


async def _describe(client: Client, workflow_id: str) -> Execution | None:
    async with answering():
        try:
            each = await client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        memo = await each.memo()
    status = each.status or WorkflowExecutionStatus.RUNNING
    return Execution(
        id=each.id,
        run_id=each.run_id,
        chain=each.raw_info.first_run_id,
        kind=each.workflow_type,
        migration=each.typed_search_attributes.get(NAME) or "",
        key=str(memo.get("key", "")),
        status=None if status in GOES_ON else status.name.lower().replace("_", " "),
    )


GOES_ON: Final = (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW)
