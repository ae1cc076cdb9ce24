"""What the Rollback workflow writes: its steps, the former configuration, the end. Fenced by the rollback's epoch."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import UnknownRollback
from crossfade.flags import Flag, from_definition
from crossfade.percentages import ZERO
from crossfade.states import MigrationStatus, RollbackState, RunState
from store import audit, components, control, flags, rollback_rows, run_rows
from store.rollback_rows import Rollback
from store.tables import migrations, rollback_events, rollback_steps, runs


async def step_started(connection: AsyncConnection, *, rollback_id: UUID, epoch: int, name: str) -> None:
    """Notes that a step begins, or begins again; raises Fenced."""
    await lock(connection, rollback_id=rollback_id, epoch=epoch)
    await write_step(
        connection,
        rollback_id,
        name,
        state="running",
        attempts=rollback_steps.c.attempts + 1,
        started_at=func.coalesce(rollback_steps.c.started_at, func.clock_timestamp()),
    )


async def step_finished(
    connection: AsyncConnection, *, rollback_id: UUID, epoch: int, name: str, ok: bool, detail: str = ""
) -> None:
    """Notes how a step ended; raises Fenced."""
    await lock(connection, rollback_id=rollback_id, epoch=epoch)
    state = "completed" if ok else "failed"
    await write_step(connection, rollback_id, name, state=state, detail=detail, finished_at=func.clock_timestamp())


async def disable_flag(connection: AsyncConnection, *, rollback_id: UUID, epoch: int) -> Flag:
    """Disables the flag, whose ceiling is 0 already; raises Fenced."""
    rollback = await lock(connection, rollback_id=rollback_id, epoch=epoch)
    flag = await flags.get(connection, environment=rollback.environment, name=rollback.component)
    return await publish(connection, rollback, flag, {"enabled": False}, action="rollback.disable_flag")


async def restore_configuration(connection: AsyncConnection, *, rollback_id: UUID, epoch: int) -> Flag:
    """Brings back what the flag was before the run, at 0 % under a ceiling of 0; raises Fenced."""
    rollback = await lock(connection, rollback_id=rollback_id, epoch=epoch)
    flag = await flags.get(connection, environment=rollback.environment, name=rollback.component)
    changes: dict[str, Any] = {"percentage": ZERO, "ceiling": ZERO, "shadow_share": ZERO}
    if rollback.former_configuration is not None:
        former = from_definition(rollback.former_configuration)
        kept = ("conditions", "overrides", "fallback_enabled", "salt", "targeting_key")
        changes |= {name: getattr(former, name) for name in kept}
    return await publish(connection, rollback, flag, changes, action="rollback.restore_configuration")


async def finish(
    connection: AsyncConnection, *, rollback_id: UUID, epoch: int, state: RollbackState, error: str | None = None
) -> Rollback:
    """Ends a rollback and its run; a second time it gives what the first has written. Raises Fenced."""
    environment = await environment_of(connection, rollback_id)
    await control.lock(connection, environment)
    ended = await rollback_rows.find(connection, rollback_events.c.id == rollback_id)
    if ended is not None and ended.state is not RollbackState.RUNNING and ended.epoch == epoch:
        return ended
    rollback = await rollback_rows.lock_fenced(connection, rollback_id=rollback_id, epoch=epoch)
    finished = replace(rollback, state=state, error=error, finished_at=await control.now(connection))
    statement = update(rollback_events).where(rollback_events.c.id == rollback_id)
    await connection.execute(statement.values(state=state.value, error=error, finished_at=finished.finished_at))
    entry = rollback_rows.entry(rollback, finished, action=f"rollback.{state}", actor="crossfade")
    await audit.append(connection, entry)
    await end_run(connection, finished)
    return finished


async def end_run(connection: AsyncConnection, rollback: Rollback) -> None:
    """Ends the run of a rollback: `stopped` where a stop began it, else `rolled_back`; its flag needs no lease now."""
    run = None if rollback.run_id is None else await run_rows.lock(connection, rollback.run_id)
    if run is not None:
        state = RunState.STOPPED if run.state is RunState.STOPPING else RunState.ROLLED_BACK
        ended = replace(run, state=state, finished_at=rollback.finished_at)
        entry = run_rows.entry(ended, action=f"run.{state}", actor="crossfade", reason=rollback.reason)
        await run_rows.write(connection, run, ended, entry)
        await components.follow(connection, ended, actor="crossfade", reason=rollback.reason)
    flag = await flags.get(connection, environment=rollback.environment, name=rollback.component)
    changes = {"is_live": False, **await former_percentage(connection, rollback, flag)}
    await publish(connection, rollback, flag, changes, action="rollback.finish")


async def former_percentage(connection: AsyncConnection, rollback: Rollback, flag: Flag) -> dict[str, Any]:
    """Gives what serves the percentage of before the run, where that was asked for and no stop came meanwhile."""
    if rollback.restore != "previous" or rollback.state is not RollbackState.COMPLETED:
        return {}
    if rollback.former_configuration is None or await is_stopped(connection, rollback, flag):
        return {}
    former = from_definition(rollback.former_configuration)
    return {"percentage": former.percentage, "ceiling": former.ceiling, "enabled": former.enabled}


async def lock(connection: AsyncConnection, *, rollback_id: UUID, epoch: int) -> Rollback:
    """Takes the control row's lock and gives the rollback that the writer owns; raises Fenced."""
    await control.lock(connection, await environment_of(connection, rollback_id))
    return await rollback_rows.lock_fenced(connection, rollback_id=rollback_id, epoch=epoch)


async def environment_of(connection: AsyncConnection, rollback_id: UUID) -> str:
    """Gives the environment of a rollback; raises UnknownRollback."""
    query = select(rollback_events.c.environment).where(rollback_events.c.id == rollback_id)
    environment: str | None = (await connection.execute(query)).scalar_one_or_none()
    if environment is None:
        raise UnknownRollback(str(rollback_id))
    return environment


async def write_step(connection: AsyncConnection, rollback_id: UUID, name: str, **values: Any) -> None:
    """Writes a step's row unless it has completed."""
    mine = (rollback_steps.c.rollback_id == rollback_id, rollback_steps.c.name == name)
    await connection.execute(update(rollback_steps).where(*mine, rollback_steps.c.state != "completed").values(values))


async def publish(
    connection: AsyncConnection, rollback: Rollback, flag: Flag, changes: Mapping[str, Any], *, action: str
) -> Flag:
    """Publishes a flag where the changes change it."""
    changed = replace(flag, **changes)
    if changed == flag:
        return flag
    return await flags.publish(
        connection, changed, action=action, actor="crossfade", reason=rollback.reason, run_id=rollback.run_id
    )


async def is_stopped(connection: AsyncConnection, rollback: Rollback, flag: Flag) -> bool:
    """Tells whether a stop came after the rollback began: of the environment, or of the run's migration."""
    if (await control.get(connection, rollback.environment)).is_stopped or flag.epoch > rollback.epoch:
        return True
    query = select(migrations.c.status).join(runs, runs.c.migration_id == migrations.c.id)
    status = (await connection.execute(query.where(runs.c.id == rollback.run_id))).scalar_one_or_none()
    return status == MigrationStatus.FAILED
