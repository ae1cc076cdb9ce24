"""One view of an environment, read again and again: a number of queries that does not grow with what is shown."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from api import dashboard_view as view
from api.dashboard_view import Document, Sides
from api.database import Database
from api.problems import Refused
from api.replica import LEASE_SECONDS, Replica
from api.temporal import Temporal
from crossfade import trends
from crossfade.errors import UnknownMigration
from crossfade.states import RollbackState
from crossfade.system_health import Firing, Health, Signs, health
from crossfade.trends import WINDOWS, Measure, Trail, Window
from store import dashboard, inter_phase, phases, rollbacks, validations
from store import trends as measured
from store.dashboard import Alerts, Finding, Heading, Part, Standing
from store.engine import AsyncConnection
from store.inter_phase import CheckRow
from store.phases import Phase
from store.rollbacks import Rollback
from store.validations import Checkpoint

MOST_ALERTS = 100
MOST_RECENT = 20
FIGURES_SECONDS = 300
"""The figures of a component are those of its run within so many seconds."""
PIECE_SECONDS = 600
"""A longer trend is read piece by piece, each within the time limit of a transaction."""
TEMPORAL_SECONDS = 5.0
TRENDS_LATE = "What was measured could not be read in time: the trends are older than the rest."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """What is shown: a migration (None: the live one, else the latest), and the trends of all of it or one component.

    Two views that are equal share everything that is read for them.
    """

    environment: str
    migration_id: UUID | None = None
    component: str | None = None
    window: Window = field(default_factory=lambda: WINDOWS["1h"])


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What one instant of the database holds for a view."""

    standing: Standing
    heading: Heading | None
    phases: Sequence[Phase] = ()
    checks: Sequence[CheckRow] = ()
    parts: Sequence[Part] = ()
    sides: Sides
    alerts: Alerts
    rollbacks: Sequence[Rollback]
    validations: Sequence[Checkpoint]
    findings: Sequence[Finding]


class TemporalWatch:
    """Whether Temporal answers, asked now and then and beside everything else: a dashboard never waits for it twice."""

    def __init__(self, temporal: Temporal) -> None:
        self._temporal = temporal
        self._asking: asyncio.Task[bool] | None = None
        self._asked_at = 0.0
        self._answer: bool | None = None

    async def answers(self) -> bool:
        """What is known; the first call waits for the answer."""
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now - self._asked_at >= TEMPORAL_SECONDS):
            self._asking = asyncio.create_task(self._ask(), name="dashboard asks Temporal")
            self._asked_at = now
        if self._answer is None:
            await asyncio.shield(self._asking)
        return bool(self._answer)

    async def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()
            with suppress(asyncio.CancelledError):
                await self._asking

    async def _ask(self) -> bool:
        self._answer = await self._temporal.is_healthy()
        return self._answer


@dataclass(frozen=True, slots=True)
class Sources:
    """What the dashboards of one process are made from; `environment` is the server's own."""

    database: Database
    replica: Replica
    temporal: TemporalWatch
    environment: str

    def flags_are_fresh(self, environment: str) -> bool:
        """Whether this process may serve candidate; of another environment it serves nothing."""
        return environment != self.environment or self.replica.age <= LEASE_SECONDS


class Dashboard:
    """One view, with the trend that it has read so far."""

    def __init__(self, sources: Sources, shown: View) -> None:
        self._sources = sources
        self._view = shown
        self._names: tuple[str, ...] = ()
        self._trail = Trail(shown.window)

    async def read(self) -> Document:
        """What the view shows now.

        Raises:
            Refused: 503, Postgres does not answer.
            UnknownMigration: The environment has no such migration.
        """
        temporal_answers = await self._sources.temporal.answers()
        async with self._sources.database.transaction() as connection:
            state = await _state(connection, self._view)
        defect = "" if await self._has_followed(state) else TRENDS_LATE
        return {
            "environment": self._view.environment,
            **view.standing_shown(state.standing),
            "migration": view.heading_shown(state.heading),
            "systemHealth": view.health_shown(self._health(state, temporal_answers=temporal_answers, defect=defect)),
            "progress": view.progress_shown(state.parts),
            "phases": view.phases_shown(state.phases, state.parts, state.checks),
            "figuresSeconds": FIGURES_SECONDS,
            "components": [view.component_shown(part, state.sides) for part in state.parts],
            "performance": view.performance_shown(self._trail, component=self._view.component, at=state.standing.at),
            "alerts": view.alerts_shown(state.alerts),
            "rollbacks": [view.rollback_shown(rollback) for rollback in state.rollbacks],
            "validations": [view.validation_shown(checkpoint) for checkpoint in state.validations],
            "experiments": [view.experiment_shown(finding) for finding in state.findings],
        }

    async def _has_followed(self, state: State) -> bool:
        """Whether the trend is up to date; where it cannot be read in time, everything else is shown nevertheless."""
        try:
            await self._follow(state)
        except Refused:
            log.warning("the trends could not be read in time")
            return False
        return True

    async def _follow(self, state: State) -> None:
        """Bring the trend up to date."""
        chosen = self._view.component
        names = tuple(sorted(part.name for part in state.parts)) if chosen is None else (chosen,)
        if names != self._names:
            self._names, self._trail = names, Trail(self._view.window)
        now = state.standing.at.timestamp()
        since = self._trail.since(now)
        until = self._view.window.starts(now).stop
        read: list[Measure[int]] = []
        for first, last in self._view.window.pieces(since, until, at_most=PIECE_SECONDS):
            async with self._sources.database.transaction() as connection:
                read += await measured.over_time(
                    connection,
                    environment=self._view.environment,
                    components=names,
                    since=datetime.fromtimestamp(first, UTC),
                    until=datetime.fromtimestamp(last, UTC),
                    resolution=self._view.window.resolution,
                )
        self._trail.replace(read, now=now, since=since)

    def _health(self, state: State, *, temporal_answers: bool, defect: str) -> Health:
        current = {part.run_id for part in state.parts if part.run_id}
        return health(
            Signs(
                defect=defect,
                flags_are_fresh=self._sources.flags_are_fresh(self._view.environment),
                temporal_answers=temporal_answers,
                judged_ago=state.standing.judged_ago,
                has_live_run=state.standing.has_live_run,
                stop_reason=state.standing.stop_reason,
                alerts=[
                    Firing(alert.component, alert.severity, alert.summary)
                    for alert in state.alerts.worst
                    if alert.state == "firing"
                ],
                rolling_back=_names(state.rollbacks, RollbackState.RUNNING),
                not_cleaned_up=_names(
                    [rollback for rollback in state.rollbacks if rollback.run_id in current], RollbackState.FAILED
                ),
            )
        )


async def _state(connection: AsyncConnection, shown: View) -> State:
    await dashboard.at_one_instant(connection)
    environment = shown.environment
    standing = await dashboard.standing(connection, environment)
    heading = await dashboard.heading(connection, environment, shown.migration_id)
    if heading is None and shown.migration_id is not None:
        raise UnknownMigration(str(shown.migration_id))
    parts = await dashboard.parts(connection, heading.id) if heading else ()
    return State(
        standing=standing,
        heading=heading,
        phases=await phases.list(connection, migration_id=heading.id) if heading else (),
        checks=await inter_phase.list(connection, migration_id=heading.id) if heading else (),
        parts=parts,
        sides=await _sides(connection, environment, parts, standing.at),
        alerts=await dashboard.alerts(connection, environment, limit=MOST_ALERTS),
        rollbacks=await rollbacks.list(connection, environment=environment, limit=MOST_RECENT),
        validations=await validations.list(connection, environment=environment, limit=MOST_RECENT),
        findings=await dashboard.findings(connection, environment, limit=MOST_RECENT),
    )


async def _sides(connection: AsyncConnection, environment: str, parts: Sequence[Part], at: datetime) -> Sides:
    if not parts:
        return {}
    found = await measured.lately(
        connection,
        environment=environment,
        runs={part.name: part.run_id for part in parts},
        since=at - timedelta(seconds=FIGURES_SECONDS),
        until=at + timedelta(minutes=1),
    )
    return trends.figures(found)


def _names(found: Sequence[Rollback], state: RollbackState) -> list[str]:
    return [rollback.component for rollback in found if rollback.state is state]
