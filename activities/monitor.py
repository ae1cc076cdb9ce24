"""The watch over all live runs: read, judge, take back what hurts, say what was seen; once a second, for ever."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from temporalio import activity

import store.alerts
import store.control
import store.metrics
import store.monitors
import store.outbox
import store.rollbacks
import store.runs
from activities.pulse import pulse
from crossfade import alarms, evidence, readings, subjects, thresholds
from crossfade.alarms import Alarm
from crossfade.errors import CrossfadeError
from crossfade.freshness import is_overdue
from crossfade.readings import Reading
from crossfade.states import RollbackTrigger, RunState
from crossfade.subjects import Subject
from store.alerts import Alert
from store.documents import Document
from store.engine import AsyncConnection, AsyncEngine
from store.outbox import Order
from store.runs import Run

ACTOR: Final = "monitor"
INTERVAL: Final = 1.0  # seconds from one tick to the next
PULSE: Final = 0.5  # seconds between heartbeats; Temporal gives up on a watch that is silent for 2
DEADLINE: Final = 5.0  # seconds that a tick may take; a database that hangs must not hold the next one up
JUDGED: Final = frozenset({RunState.RAMPING, RunState.HELD, RunState.BAKING})

log = logging.getLogger("crossfade.monitor")


@dataclass(frozen=True, slots=True)
class Judged:
    """A run and what it was judged to be."""

    run: Run
    last: Reading | None
    reading: Reading


class MonitorActivities:
    """The one activity of `workflows.monitor`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @activity.defn(name="monitor")
    async def monitor(self, environment: str) -> None:
        """Judge every live run each second until cancelled; ends early when this worker shuts down.

        A tick that fails, whatever the cause, is logged and followed by the next one.
        """
        async with pulse(PULSE):
            fine = True
            while not activity.is_worker_shutdown():
                started = asyncio.get_running_loop().time()
                fine = await self._attempt(environment, was_fine=fine)
                left = INTERVAL - (asyncio.get_running_loop().time() - started)
                with suppress(TimeoutError):
                    await asyncio.wait_for(activity.wait_for_worker_shutdown(), max(left, 0.0))

    async def tick(self, environment: str) -> None:
        """Judge every live run once."""
        async with self.engine.begin() as connection:
            now = await store.control.now(connection)
            live = await store.runs.live(connection, environment)
        judged = await self._judged(environment, [run for run in live if run.state in JUDGED], now)
        for each in judged:
            await self._take_back(each, judged, now)
        async with self.engine.begin() as connection:
            await _record(connection, judged, now)
            await _alert(connection, environment, live, judged, now)
            await store.monitors.tick(connection, environment)

    async def _attempt(self, environment: str, *, was_fine: bool) -> bool:
        try:
            async with asyncio.timeout(DEADLINE):
                await self.tick(environment)
        except Exception as error:
            # The edge of the process: the database may be away; whatever it is, the watch goes on.
            if was_fine:
                log.exception("a tick of the monitor of %s failed", environment)
            else:
                log.warning("the monitor of %s still fails: %s", environment, type(error).__name__)
            return False
        if not was_fine:
            log.info("the monitor of %s judges again", environment)
        return True

    async def _judged(self, environment: str, runs: Sequence[Run], now: datetime) -> list[Judged]:
        """Judge all at once; where that fails each alone, so that one bad run hides no other."""
        try:
            return await self._judge(environment, runs, now)
        except Exception:
            # An edge again: a run that cannot be judged has no reading, and without one it does not advance.
            log.exception("could not judge %s", ", ".join(run.component for run in runs))
        if len(runs) <= 1:
            return []
        return [judged for run in runs for judged in await self._judged(environment, [run], now)]

    async def _judge(self, environment: str, runs: Sequence[Run], now: datetime) -> list[Judged]:
        watched = [_subject(run) for run in runs]
        spans = [subjects.span(subject, now=now) for subject in watched]
        async with self.engine.begin() as connection:
            measured = await store.metrics.measured(connection, environment=environment, spans=spans)
        judged = thresholds.judge(watched, measured, now=now)
        return [
            Judged(run, subject.previous, reading) for run, subject, reading in zip(runs, watched, judged, strict=True)
        ]

    async def _take_back(self, judged: Judged, others: Sequence[Judged], now: datetime) -> None:
        cause = _cause(judged, others, now)
        if cause is None:
            return
        run = judged.run
        try:
            async with self.engine.begin() as connection:
                await store.rollbacks.begin(
                    connection,
                    environment=run.environment,
                    component=run.component,
                    trigger=RollbackTrigger.THRESHOLD,
                    actor=ACTOR,
                    reason=str(cause["sentence"]),
                    evidence=cause,
                    run_id=run.id,
                    epoch=run.epoch,
                )
        except CrossfadeError as refusal:
            log.info("%s is not taken back: %s", run.component, refusal)
        except Exception:
            # One that cannot be taken back now is tried again at the next tick, and must not keep others from it.
            log.exception("could not take %s back", run.component)


def _subject(run: Run) -> Subject:
    return Subject(
        run_id=str(run.id),
        component=run.component,
        step=run.step,
        percentage=run.percentage,
        published_at=run.published_at,
        since_revision=run.revision or 0,
        plan=run.plan,
        previous=readings.from_json(run.reading) if run.reading else None,
    )


def _cause(judged: Judged, others: Sequence[Judged], now: datetime) -> Document | None:
    """Give the evidence that calls for a rollback, if any does."""
    reading, plan = judged.reading, judged.run.plan
    if reading.breach is not None and _is_to_blame(judged, others, now):
        return evidence.of_result(reading, reading.breach)
    if plan.judging.no_data == "rollback" and is_overdue(reading, plan.judging, now=now):
        return evidence.of_silence(reading)
    return None


def _is_to_blame(judged: Judged, others: Sequence[Judged], now: datetime) -> bool:
    """Whether a breach is this component's own, or what a whole process shows is put down to it."""
    breach = judged.reading.breach
    threshold = next((each for each in judged.run.plan.thresholds if breach and each.name == breach.name), None)
    if threshold is None or threshold.attribute != "latestRaise":
        return True
    published = {str(other.run.id): other.run.published_at for other in others if other.run.published_at is not None}
    return alarms.latest_raise(published, now=now, window=threshold.window) == str(judged.run.id)


async def _record(connection: AsyncConnection, judged: Sequence[Judged], now: datetime) -> None:
    await store.runs.record_readings(connection, {each.run.id: readings.to_json(each.reading) for each in judged})
    changed = [each for each in judged if each.last is None or _news(each.last) != _news(each.reading)]
    await store.outbox.replace_all(connection, [_observed(each, now) for each in changed])


def _observed(judged: Judged, now: datetime) -> Order:
    return Order(
        environment=judged.run.environment,
        workflow_id=judged.run.workflow_id,
        kind="signal",
        name="observe",
        payload={**_news(judged.reading), "samples": judged.reading.samples, "at": now.timestamp()},
    )


def _news(reading: Reading) -> Document:
    """Give what the rollout acts on; it is told when that changes."""
    return {
        "run_id": reading.run_id,
        "step": reading.step,
        "verdict": reading.verdict.value,
        "enough": reading.enough,
        "no_data": reading.no_data,
        "source_error": reading.source_error,
        "failing_signals": list(reading.failing_signals),
    }


async def _alert(
    connection: AsyncConnection, environment: str, live: Sequence[Run], judged: Sequence[Judged], now: datetime
) -> None:
    """Open what the readings call for and close what they settle; an open alert is not raised again."""
    unresolved = await store.alerts.unresolved(connection, environment=environment)
    already = {(alert.rule, alert.run_id) for alert in unresolved}
    for each in judged:
        for alarm in alarms.wanted(each.reading, each.run.plan.judging, now=now):
            if (alarm.rule, each.run.id) not in already:
                await _fire(connection, each.run, alarm)
    settled = [alert.id for alert in unresolved if _is_settled(alert, live, judged)]
    if settled:
        await store.alerts.resolve(connection, ids=settled)


async def _fire(connection: AsyncConnection, run: Run, alarm: Alarm) -> None:
    await store.alerts.fire(
        connection,
        environment=run.environment,
        component=run.component,
        rule=alarm.rule,
        run_id=run.id,
        severity=alarm.severity,
        evidence=dict(alarm.evidence),
    )


def _is_settled(alert: Alert, live: Sequence[Run], judged: Sequence[Judged]) -> bool:
    if alert.run_id is None or alert.evidence.get("rule") != alert.rule:
        return False  # somebody else's alert
    reading = next((each.reading for each in judged if each.run.id == alert.run_id), None)
    if reading is not None:
        return alarms.is_settled(alert.rule, reading)
    if any(run.id == alert.run_id for run in live):
        return False
    return alarms.is_over(alert.evidence, component_is_live=any(run.component == alert.component for run in live))
