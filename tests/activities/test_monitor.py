import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import make_url, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.monitor import MonitorActivities
from crossfade.plan.resolved import Judging
from crossfade.states import RollbackTrigger, RunState, Variant, Verdict
from store import alerts, flags, monitors, rollbacks, runs
from store.engine import create_engine
from store.rollbacks import Rollback
from store.tables import outbox, run_readings
from tests.builders import judge
from tests.judging import alert, guardrail
from tests.metering import batch, begun, ingest, stepped, summary, times

GUARDED: dict[str, Any] = {"thresholds": (guardrail(name="error-rate"),)}


@pytest.fixture
def monitor(engine: AsyncEngine) -> MonitorActivities:
    return MonitorActivities(engine)


async def serving(connection: AsyncConnection, component: str = "search", **plan: Any) -> runs.Run:
    return await stepped(connection, await begun(connection, component, **(GUARDED | plan)))


async def report(
    connection: AsyncConnection, run: runs.Run, *, requests: int = 200, errors: int = 0, both: bool = True
) -> None:
    variants = list(Variant) if both else [Variant.CANDIDATE]
    summaries = []
    for variant in variants:
        where: dict[str, Any] = {"component": run.component, "variant": variant.value, "revision": run.revision}
        summaries.append(summary(count=requests, **where))
        summaries.append(times([20.0] * requests, **where))
    failed = summary("errors", errors, revision=run.revision or 0, component=run.component)
    await ingest(connection, batch(*summaries, failed))


async def reading(engine: AsyncEngine, run: runs.Run) -> dict[str, Any]:
    async with engine.connect() as connection:
        found = (await runs.get(connection, run.id)).reading
    assert found is not None
    return found


async def messages(engine: AsyncEngine, name: str) -> list[Any]:
    async with engine.connect() as connection:
        return list(await connection.execute(select(outbox).where(outbox.c.name == name).order_by(outbox.c.id)))


async def rolled_back(engine: AsyncEngine) -> tuple[Rollback, ...]:
    async with engine.connect() as connection:
        return await rollbacks.list(connection, environment="test")


# -- one tick


async def test_a_healthy_run_passes_and_its_rollout_is_told_once(
    engine: AsyncEngine, monitor: MonitorActivities
) -> None:
    async with engine.begin() as connection:
        run = await serving(connection)
        await report(connection, run)
    await monitor.tick("test")
    await monitor.tick("test")
    found = await reading(engine, run)
    assert (found["verdict"], found["samples"], found["enough"], found["no_data"]) == ("pass", 200, True, False)
    (told,) = await messages(engine, "observe")
    assert told.workflow_id == "rollout/test/search"
    assert told.payload.pop("at") > run.started_at.timestamp()
    assert told.payload == {
        "run_id": str(run.id),
        "step": 1,
        "verdict": "pass",
        "samples": 200,
        "enough": True,
        "no_data": False,
        "source_error": False,
        "failing_signals": [],
    }


async def test_the_rollout_is_told_when_the_judgement_changes(engine: AsyncEngine, monitor: MonitorActivities) -> None:
    async with engine.begin() as connection:
        run = await serving(connection)
    await monitor.tick("test")
    assert [told.payload["verdict"] for told in await messages(engine, "observe")] == ["no_data"]
    async with engine.begin() as connection:
        await report(connection, run)
    await monitor.tick("test")
    assert (await messages(engine, "observe"))[-1].payload["verdict"] == "pass"


async def test_a_run_that_has_published_nothing_is_read_as_good(
    engine: AsyncEngine, monitor: MonitorActivities
) -> None:
    async with engine.begin() as connection:
        run = await begun(connection, **GUARDED)
    await monitor.tick("test")
    found = await reading(engine, run)
    assert (found["step"], found["verdict"], found["no_data"]) == (0, "pass", False)


async def test_a_breach_takes_the_traffic_back_once_with_its_evidence(
    engine: AsyncEngine, monitor: MonitorActivities
) -> None:
    async with engine.begin() as connection:
        run = await serving(connection)
        await report(connection, run, errors=60)
    for _ in range(3):
        await monitor.tick("test")
    (rollback,) = await rolled_back(engine)
    assert (rollback.trigger, rollback.run_id, rollback.actor) == (RollbackTrigger.THRESHOLD, run.id, "monitor")
    assert rollback.reason.startswith("error-rate: errorRate of candidate was 30 % within 10 s (60 of 200)")
    figures = [rollback.evidence[name] for name in ("rule", "metric", "window_seconds", "events", "trials", "limit")]
    assert figures == ["error-rate", "errorRate", 10, 60, 200, 0.01]
    async with engine.connect() as connection:
        assert (await runs.get(connection, run.id)).state is RunState.ROLLING_BACK
        assert (await flags.get(connection, environment="test", name="search")).served_percentage == 0
    assert (await reading(engine, run))["verdict"] == Verdict.FAIL


@pytest.mark.parametrize("state", ["held", "baking"])
async def test_a_run_that_is_held_or_bakes_is_judged_too(
    engine: AsyncEngine, monitor: MonitorActivities, state: str
) -> None:
    async with engine.begin() as connection:
        run = await serving(connection)
        if state == "held":
            await runs.set_percentage(
                connection,
                run_id=run.id,
                epoch=run.epoch,
                percentage=Decimal(20),
                actor="alice",
                reason="",
                effect="by hand",
            )
        else:
            await judge(connection, run)
            await runs.bake(connection, run_id=run.id, epoch=run.epoch, actor="test", effect="bake")
            await connection.execute(update(run_readings).values(reading=None))
        await report(connection, await runs.get(connection, run.id), errors=60)
    await monitor.tick("test")
    assert [rollback.run_id for rollback in await rolled_back(engine)] == [run.id]


async def test_all_runs_are_judged_though_one_cannot_be(
    engine: AsyncEngine, monitor: MonitorActivities, caplog: pytest.LogCaptureFixture
) -> None:
    async with engine.begin() as connection:
        broken = await serving(connection, "broken")
        hurt = await serving(connection, "hurt")
        healthy = await serving(connection, "healthy")
        await report(connection, hurt, errors=60)
        await report(connection, healthy)
        senseless = {"verdict": "purple", "run_id": str(broken.id), "step": 1}
        await connection.execute(
            update(run_readings).where(run_readings.c.run_id == broken.id).values(reading=senseless)
        )
    await monitor.tick("test")
    assert [rollback.component for rollback in await rolled_back(engine)] == ["hurt"]
    assert (await reading(engine, healthy))["verdict"] == "pass"
    assert (await reading(engine, broken))["verdict"] == "purple"
    assert "could not judge broken" in caplog.text


async def test_a_breach_is_an_alert_that_is_raised_once(engine: AsyncEngine, monitor: MonitorActivities) -> None:
    async with engine.begin() as connection:
        run = await serving(connection)
        await report(connection, run, errors=60)
    for _ in range(3):
        await monitor.tick("test")
        monitor = MonitorActivities(engine)
    async with engine.connect() as connection:
        (raised,) = await alerts.list(connection, environment="test")
    assert (raised.rule, raised.run_id, raised.state) == ("error-rate", run.id, "firing")
    assert raised.summary == raised.evidence["sentence"]


async def test_an_alert_is_resolved_when_its_threshold_passes_again(
    engine: AsyncEngine, monitor: MonitorActivities
) -> None:
    async with engine.begin() as connection:
        run = await serving(connection, thresholds=(alert(name="noisy"),))
        await report(connection, run, errors=10)
    await monitor.tick("test")
    async with engine.begin() as connection:
        assert [one.rule for one in await alerts.unresolved(connection, environment="test")] == ["noisy"]
        await report(connection, run, requests=5000)
    await monitor.tick("test")
    async with engine.connect() as connection:
        assert await alerts.unresolved(connection, environment="test") == ()
        assert (await runs.get(connection, run.id)).state is RunState.RAMPING


async def test_silence_past_its_grace_alerts_and_holds(engine: AsyncEngine, monitor: MonitorActivities) -> None:
    async with engine.begin() as connection:
        run = await serving(connection, judging=Judging(no_data_grace=timedelta(0)))
    await monitor.tick("test")
    async with engine.connect() as connection:
        (raised,) = await alerts.list(connection, environment="test")
        assert (await runs.get(connection, run.id)).state is RunState.RAMPING
    assert raised.rule == "no-data"
    assert (await reading(engine, run))["no_data"]


async def test_silence_past_its_grace_rolls_back_where_the_plan_says_so(
    engine: AsyncEngine, monitor: MonitorActivities
) -> None:
    async with engine.begin() as connection:
        patient = Judging(no_data="rollback", no_data_grace=timedelta(minutes=15))
        await serving(connection, "patient", judging=patient)
        await serving(connection, "strict", judging=replace(patient, no_data_grace=timedelta(0)))
    await monitor.tick("test")
    (rollback,) = await rolled_back(engine)
    assert (rollback.component, rollback.evidence["rule"]) == ("strict", "no-data")
    assert rollback.reason.startswith("no fresh sample of legacy errorRate, legacy responseTime")


async def test_what_a_whole_process_shows_is_put_down_to_the_latest_raise(
    engine: AsyncEngine, monitor: MonitorActivities
) -> None:
    memory = {"thresholds": (guardrail("memoryUsage", 0.9, attribute="latestRaise"),)}
    async with engine.begin() as connection:
        first = await stepped(connection, await begun(connection, "first", **memory))
    async with engine.begin() as connection:
        last = await stepped(connection, await begun(connection, "last", **memory))
        for run in (first, last):
            full = summary("memoryUsage", 1, revision=run.revision or 0, component=run.component, mean=0.95)
            await ingest(connection, batch(full))
    await monitor.tick("test")
    assert [rollback.component for rollback in await rolled_back(engine)] == ["last"]
    async with engine.connect() as connection:
        assert sorted(one.component for one in await alerts.list(connection, environment="test")) == ["first", "last"]


async def test_an_environment_sees_nothing_of_another(engine: AsyncEngine, monitor: MonitorActivities) -> None:
    async with engine.begin() as connection:
        run = await serving(connection)
        await report(connection, run, errors=60)
    await monitor.tick("other")
    assert await rolled_back(engine) == ()
    async with engine.connect() as connection:
        assert await monitors.age(connection, "test") is None
        assert await monitors.age(connection, "other") is not None


# -- the activity


class Watch:
    """The activity under way."""

    def __init__(self, monitor: MonitorActivities) -> None:
        self.beats = 0
        self.world = ActivityEnvironment()
        self.world.on_heartbeat = self._beat
        self.task = asyncio.ensure_future(self.world.run(monitor.monitor, "test"))

    def _beat(self, *_: object) -> None:
        self.beats += 1


@asynccontextmanager
async def watching(monitor: MonitorActivities) -> AsyncIterator[Watch]:
    watch = Watch(monitor)
    try:
        yield watch
    finally:
        watch.world.cancel()
        await asyncio.gather(watch.task, return_exceptions=True)


async def until(holds: Callable[[], Any], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - what is waited for happens in the database
            await asyncio.sleep(0.05)


async def ticks(engine: AsyncEngine) -> Any:
    async with engine.connect() as connection:
        return (await connection.execute(text("select max(ticked_at) from monitors"))).scalar_one()


async def test_the_monitor_ticks_and_beats_until_it_is_cancelled(
    engine: AsyncEngine, monitor: MonitorActivities
) -> None:
    async with watching(monitor) as watch:
        seen: set[Any] = set()

        async def ticked_twice() -> bool:
            seen.add(await ticks(engine))
            return len(seen - {None}) >= 2

        await until(ticked_twice)
        assert watch.beats >= 2
        watch.world.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watch.task


async def test_the_monitor_ends_by_itself_when_its_worker_shuts_down(monitor: MonitorActivities) -> None:
    async with watching(monitor) as watch:
        await asyncio.sleep(0)
        watch.world.worker_shutdown()
        async with asyncio.timeout(10):
            await watch.task
    assert not watch.task.cancelled()


async def test_the_monitor_goes_on_after_the_database_was_away(
    database_url: str, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = make_url(database_url).database or ""
    server, watched = create_engine(postgres_url), create_engine(database_url)
    try:
        async with watching(MonitorActivities(watched)) as watch:
            await until(lambda: ticks(watched))
            await _allow(server, name, allowed=False)

            async def failed() -> bool:
                return "a tick of the monitor of test failed" in caplog.text

            await until(failed)
            beats = watch.beats

            async def beats_on() -> bool:
                return watch.beats > beats

            await until(beats_on)
            await _allow(server, name, allowed=True)
            async with watched.connect() as connection:
                before = (await connection.execute(text("select clock_timestamp()"))).scalar_one()

            async def ticked_again() -> bool:
                return bool((await ticks(watched)) > before)

            await until(ticked_again)
            assert not watch.task.done()
    finally:
        await watched.dispose()
        await server.dispose()


async def _allow(server: AsyncEngine, name: str, *, allowed: bool) -> None:
    async with server.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text(f"alter database {name} allow_connections {allowed}"))
        if not allowed:
            ended = "select pg_terminate_backend(pid) from pg_stat_activity where datname = :name"
            await connection.execute(text(ended), {"name": name})
