"""What moves a live run: steps, percentages set by a person, bake, completion. Every write is fenced and idempotent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import Fenced, PreconditionFailed, RaisesPercentage, StaleReading, UnknownComponent
from crossfade.percentages import ZERO
from crossfade.states import RunState, Verdict
from store import audit, components, control, flags, outbox, run_rows
from store.run_rows import ADVANCING, Published, Run
from store.tables import monitors, run_readings, runs

FRESH_SECONDS = 5
RAMPING = frozenset({RunState.RAMPING})
RESUMABLE = frozenset({RunState.RAMPING, RunState.HELD})


@dataclass(frozen=True, slots=True)
class Write:
    """A write of one run under way: its locks are taken, its fence has held."""

    run: Run
    control: control.Control
    actor: str
    reason: str
    effect: str | None


async def publish_step(  # noqa: PLR0913 - a step's coordinates, its author, and whether readings count
    connection: AsyncConnection,
    *,
    run_id: UUID,
    epoch: int,
    step: int,
    percentage: Decimal,
    actor: str,
    reason: str,
    effect: str,
    require_reading: bool,
) -> Published:
    """Publishes a step of a ramping run; raises Fenced, Stopped, StaleReading."""
    environment = await environment_of(connection, run_id)
    state = await control.lock_unstopped(connection, environment)
    if (done := await audit.find(connection, environment=environment, effect=effect)) is not None:
        return run_rows.published(done.after or {})
    run = await run_rows.lock_fenced(connection, run_id=run_id, epoch=epoch, states=RAMPING)
    if require_reading:
        await require_fresh_reading(connection, run)
    write = Write(run=run, control=state, actor=actor, reason=reason, effect=effect)
    return await publish(connection, write, action="run.step", state=run.state, step=step, percentage=percentage)


async def set_percentage(
    connection: AsyncConnection,
    *,
    run_id: UUID,
    epoch: int,
    percentage: Decimal,
    actor: str,
    reason: str,
    effect: str,
    revision: int | None = None,
) -> Published:
    """Sets the percentage a person has asked for and holds the run there.

    Raises Fenced, Stopped, PreconditionFailed where a revision is given that is not the flag's any more.
    """
    environment = await environment_of(connection, run_id)
    state = await control.lock(connection, environment)
    if (done := await audit.find(connection, environment=environment, effect=effect)) is not None:
        return run_rows.published(done.after or {})
    run = await run_rows.lock_fenced(connection, run_id=run_id, epoch=epoch)
    if revision is not None:
        flag = await flags.get(connection, environment=environment, name=run.component)
        if flag.revision != revision:
            raise PreconditionFailed(run.component)
    write = Write(run=run, control=state, actor=actor, reason=reason, effect=effect)
    return await publish(
        connection, write, action="run.set_percentage", state=RunState.HELD, step=run.step, percentage=percentage
    )


async def lower(
    connection: AsyncConnection,
    *,
    environment: str,
    component: str,
    percentage: Decimal | None = None,
    enabled: bool = True,
    actor: str,
    reason: str,
) -> Published:
    """Lowers a live run without its workflow, or leaves it where it is, and holds it; `enabled=False` holds it at 0.

    Raises RaisesPercentage where more would be served, UnknownComponent without a live run, Fenced while it rolls back.
    """
    state = await control.lock(connection, environment)
    live = (runs.c.environment == environment, runs.c.component == component, runs.c.state.in_(run_rows.LIVE))
    run_id = (await connection.execute(select(runs.c.id).where(*live))).scalar_one_or_none()
    run = None if run_id is None else await run_rows.lock(connection, run_id)
    flag = await flags.find(connection, environment=environment, name=component, lock=True)
    if run is None or flag is None:
        raise UnknownComponent(component)
    if run.state not in ADVANCING:
        raise Fenced(f"the run is {run.state}")
    target = (run.percentage if percentage is None else percentage) if enabled else ZERO
    if target > flag.served_percentage:
        raise RaisesPercentage(f"{component} from {flag.served_percentage} to {target}")
    write = Write(run=run, control=state, actor=actor, reason=reason, effect=None)
    published = await publish(
        connection, write, action="run.lower", state=RunState.HELD, step=run.step, percentage=target, enabled=enabled
    )
    await tell_held(connection, run, actor=actor, reason=reason, percentage=target)
    return published


async def resume(
    connection: AsyncConnection,
    *,
    run_id: UUID,
    epoch: int,
    step: int,
    percentage: Decimal,
    actor: str,
    effect: str,
    reason: str = "",
) -> Published:
    """Lets a held run ramp again from a step, which gets a revision of its own.

    Raises Fenced, Stopped, and RaisesPercentage where a person has lowered it further meanwhile.
    """
    environment = await environment_of(connection, run_id)
    state = await control.lock_unstopped(connection, environment)
    if (done := await audit.find(connection, environment=environment, effect=effect)) is not None:
        return run_rows.published(done.after or {})
    run = await run_rows.lock_fenced(connection, run_id=run_id, epoch=epoch, states=RESUMABLE)
    if percentage > run.percentage:
        raise RaisesPercentage(f"{run.component} from {run.percentage} to {percentage}")
    write = Write(run=run, control=state, actor=actor, reason=reason, effect=effect)
    return await publish(
        connection, write, action="run.resume", state=RunState.RAMPING, step=step, percentage=percentage
    )


async def bake(connection: AsyncConnection, *, run_id: UUID, epoch: int, actor: str, effect: str) -> Run:
    """Begins the watch after 100 %; raises Fenced, StaleReading."""
    environment = await environment_of(connection, run_id)
    await control.lock(connection, environment)
    if await audit.find(connection, environment=environment, effect=effect) is not None:
        return await run_rows.get(connection, run_id)
    run = await run_rows.lock_fenced(connection, run_id=run_id, epoch=epoch, states=RAMPING)
    await require_fresh_reading(connection, run)
    baking = replace(run, state=RunState.BAKING)
    entry = run_rows.entry(run, action="run.bake", actor=actor, reason="", effect=effect)
    await run_rows.write(connection, run, baking, entry)
    await components.follow(connection, baking, actor=actor, reason="")
    return baking


async def complete(
    connection: AsyncConnection, *, run_id: UUID, epoch: int, actor: str, effect: str, reason: str = ""
) -> Run:
    """Ends a run that has ramped to its end and baked: its flag no longer depends on a lease.

    Raises Fenced, StaleReading.
    """
    environment = await environment_of(connection, run_id)
    state = await control.lock(connection, environment)
    if await audit.find(connection, environment=environment, effect=effect) is not None:
        return await run_rows.get(connection, run_id)
    states = frozenset({RunState.RAMPING, RunState.BAKING})
    run = await run_rows.lock_fenced(connection, run_id=run_id, epoch=epoch, states=states)
    await require_fresh_reading(connection, run)
    write = Write(run=run, control=state, actor=actor, reason=reason, effect=effect)
    await publish(
        connection,
        write,
        action="run.complete",
        state=RunState.COMPLETED,
        step=run.step,
        percentage=run.percentage,
        is_live=False,
    )
    return await run_rows.get(connection, run_id)


async def record(
    connection: AsyncConnection, *, run_id: UUID, action: str, step: int, actor: str, reason: str, effect: str
) -> None:
    """Writes a person's order for a run, such as an approval, into the audit; it changes nothing by itself."""
    environment = await environment_of(connection, run_id)
    await control.lock(connection, environment)
    if await audit.find(connection, environment=environment, effect=effect) is not None:
        return
    run = await run_rows.get(connection, run_id)
    order = run_rows.entry(run, action=action, actor=actor, reason=reason, effect=effect)
    image = run_rows.image(run)
    await audit.append(connection, replace(order, step=step, before=image, after=image))


async def environment_of(connection: AsyncConnection, run_id: UUID) -> str:
    """Gives the environment of a run, to lock its control row first; raises Fenced where there is no such run."""
    query = select(runs.c.environment).where(runs.c.id == run_id)
    environment: str | None = (await connection.execute(query)).scalar_one_or_none()
    if environment is None:
        raise Fenced(f"run {run_id} does not exist")
    return environment


async def publish(
    connection: AsyncConnection,
    write: Write,
    *,
    action: str,
    state: RunState,
    step: int,
    percentage: Decimal,
    enabled: bool = True,
    is_live: bool = True,
) -> Published:
    """Writes the run, then its flag: the database refuses a ceiling above the percentage of the run."""
    run = write.run
    at = await control.now(connection)
    changed = replace(
        run,
        state=state,
        step=step,
        percentage=percentage,
        revision=write.control.revision + 1,
        published_at=at,
        finished_at=None if state.is_live else at,
    )
    entry = run_rows.entry(changed, action=action, actor=write.actor, reason=write.reason, effect=write.effect)
    await run_rows.write(connection, run, changed, entry)
    flag = await flags.get(connection, environment=run.environment, name=run.component)
    served = replace(flag, enabled=enabled, percentage=percentage, ceiling=percentage, is_live=is_live)
    published = await flags.publish(
        connection, served, action=action, actor=write.actor, reason=write.reason, run_id=run.id, step=step
    )
    await components.follow(connection, changed, actor=write.actor, reason=write.reason)
    return Published(revision=published.revision, percentage=percentage, published_at=at)


async def require_fresh_reading(connection: AsyncConnection, run: Run) -> None:
    """Raises StaleReading unless the monitor is alive and has just judged this very step to be good."""
    age = func.extract("epoch", func.clock_timestamp() - func.least(run_readings.c.judged_at, monitors.c.ticked_at))
    query = (
        select(run_readings.c.reading, age)
        .where(run_readings.c.run_id == run.id)
        .join(monitors, monitors.c.environment == run.environment)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None or row[0] is None:
        raise StaleReading("nothing has been judged yet")
    reading, seconds = row
    if not (seconds <= FRESH_SECONDS):
        raise StaleReading(f"judged {seconds:.1f} s ago")
    refuse_bad(reading, run.step)


def refuse_bad(reading: Mapping[str, object], step: int) -> None:
    """Raises StaleReading unless a reading is of this step and good."""
    if reading.get("step") != step:
        raise StaleReading(f"judged at step {reading.get('step')}, not {step}")
    if reading.get("verdict") != Verdict.PASS or reading.get("no_data"):
        raise StaleReading(f"the verdict is {reading.get('verdict')}")
    if reading.get("source_error"):
        raise StaleReading("a source of metrics fails")


async def tell_held(connection: AsyncConnection, run: Run, *, actor: str, reason: str, percentage: Decimal) -> None:
    """Tells the run's workflow that a person holds it, once Temporal can be reached."""
    await outbox.enqueue(
        connection,
        environment=run.environment,
        workflow_id=run.workflow_id,
        kind="signal",
        name="hold",
        payload={"actor": actor, "reason": reason, "percentage": percentage, "is_served": True},
    )
