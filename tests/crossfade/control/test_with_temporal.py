"""Orders that workflows answer, given by the client and by the command line: the real worker, a real Temporal."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

import local.temporal
import worker
from api.settings import Settings
from crossfade.control import AsyncClient, Component, Conflict, Invalid, Unavailable
from crossfade.control.cli.running import run
from store.engine import create_engine
from tests.api.conftest import ADMIN, listening, running
from tests.api.test_with_temporal import PLAN
from tests.workflows.stage import Traffic
from workflows.client import connect

T = TypeVar("T")
PATIENCE = 60.0


def never(_component: Component) -> bool:
    return False


@dataclass(frozen=True)
class Operator:
    """Somebody with a client, some patience, and the command line."""

    client: AsyncClient
    url: str

    async def until(self, holds: Callable[[Component], bool]) -> Component:
        """The component once it is so, seen on the stream."""
        async with asyncio.timeout(PATIENCE):
            async for dashboard in self.client.updates(1):
                component = dashboard.component("search")
                if component is not None and holds(component):
                    return component
        raise AssertionError

    async def insist(
        self, order: Callable[[], Awaitable[T]], *, holds: Callable[[Component], bool] = never
    ) -> T | None:
        """The answer of a server that is busy: a 503 says nothing, so look, and repeat what has not arrived.

        So does a rollout that is still on its way to where it waits, which says that it does not wait yet.
        """
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await order()
                except Unavailable:
                    if holds(await self.client.component("search")):
                        return None
                except Conflict as conflict:
                    if conflict.kind != "not-waiting":
                        raise

    async def command(self, *arguments: str) -> int:
        return await asyncio.to_thread(run, [*arguments, "--url", self.url, "--token", ADMIN])


@pytest.fixture
async def operator(database_url: str, tmp_path: Path) -> AsyncIterator[Operator]:
    with local.temporal.serve(tmp_path, {}, has_page=False) as server:
        settings = Settings(database_url=database_url, admin_token=ADMIN, environ=server.environment)
        engine = create_engine(database_url)
        temporal = await connect(server.environment, lazy=False)
        async with (
            worker.build(temporal, engine, {}, grace=timedelta(0)),
            running(settings) as app,
            listening(app) as url,
            AsyncClient(url, ADMIN) as client,
        ):
            await worker.watch(temporal, settings.environment)
            traffic = asyncio.create_task(Traffic(engine, settings.environment).flow())
            yield Operator(client, url)
            traffic.cancel()
            with suppress(asyncio.CancelledError):
                await traffic
        await engine.dispose()


async def test_an_operator_takes_a_migration_through_all_its_stations(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    client = operator.client
    started = await client.start_migration(PLAN)
    waiting = await operator.until(lambda seen: "approval" in (seen.waiting_for or ""))
    with pytest.raises(Invalid) as no_reason:
        await operator.insist(lambda: client.approve("search"))
    with pytest.raises(Conflict) as not_complete:
        await client.retire("search", "too early")

    raised = await operator.insist(lambda: client.enable_gradual_rollout("search", 30, "look closer"))
    assert (await operator.until(lambda seen: seen.status == "held")).percentage == 30
    lowered = await client.set_percentage("search", 20, reason="not that close")
    held = await client.hold("search", "stay")
    await client.resume("search", reason="go on")
    await operator.until(lambda seen: seen.status == "ramping" and "approval" in (seen.waiting_for or ""))

    paused = await client.pause(phase="only", reason="lunch")
    await client.resume(phase="only", reason="back")
    await client.pause(migration=started.id, reason="lunch")
    await client.resume(migration=started.id, reason="back")
    await operator.until(lambda seen: seen.status == "ramping" and "approval" in (seen.waiting_for or ""))
    approved = await operator.insist(
        lambda: client.approve("search", step=2, reason="figures are good"), holds=lambda seen: seen.percentage == 50
    )
    await operator.until(lambda seen: seen.percentage == 50)

    promoted = await operator.insist(lambda: client.promote("search"), holds=lambda seen: seen.percentage == 100)
    follower = asyncio.create_task(operator.command("status", "--interval", "1"))
    await operator.until(lambda seen: seen.status == "completed")
    assert await follower == 0
    assert await operator.command("retire", "search", "--reason", "deleted") == 0
    stopped = await client.emergency_stop("drill")

    assert (waiting.percentage, waiting.step, waiting.steps) == (10, 1, 3)
    assert no_reason.value.kind == "reason-required"
    assert not_complete.value.kind == "not-complete"
    assert raised is not None
    assert (raised.served_percentage, lowered.served_percentage, held.percentage) == (30, 20, 20)
    assert paused.order == "pause"
    assert approved is None or approved.answer == "step 2 approved"
    assert promoted is None or promoted.order == "promote"
    assert stopped.retired == ("search",)
    printed = capsys.readouterr().out
    assert "search: retired since " in printed
    assert "one #1 completed · 1 of 1 components complete" in printed
