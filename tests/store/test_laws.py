"""Laws that hold after every write, whatever came before: random walks through what people and workflows do."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import CrossfadeError
from crossfade.states import MigrationStatus, RollbackState, Verdict
from store import control, flags, migrations, releases, rollbacks, runs, stops, validations
from store.flags import Change
from store.migrations import Migration
from store.rollback_steps import disable_flag, restore_configuration
from store.validations import Request, Result
from tests.builders import ENVIRONMENT, begun_run, effect, judge, plan, roll_back
from tests.store.replay import assert_audited

NAMES = ("search", "errors")
STEPS = (Decimal(10), Decimal(50), Decimal(100))


class Walk:
    """One environment that people and workflows write to at random."""

    def __init__(self, connection: AsyncConnection, seed: int) -> None:
        self.connection = connection
        self.random = Random(seed)
        self.ended: dict[UUID, runs.Run] = {}
        self.happened: set[str] = set()

    async def take(self, steps: int) -> None:
        moves: list[Callable[[str], Awaitable[object]]] = [
            self.migrate,
            self.migrate,
            self.begin,
            self.begin,
            self.step,
            self.step,
            self.step,
            self.set_percentage,
            self.lower,
            self.resume,
            self.complete,
            self.put,
            self.validate,
            self.roll_back,
            self.clear_up,
            self.clear_up,
            self.stop,
            self.release,
            self.release,
        ]
        for _ in range(steps):
            move = self.random.choice(moves)
            try:
                await move(self.random.choice(NAMES))
                self.happened.add(move.__name__)
            except CrossfadeError:
                continue
            finally:
                await self.check()

    async def check(self) -> None:
        """What must hold between any two transactions."""
        state = await control.get(self.connection, ENVIRONMENT)
        live = {run.component: run for run in await runs.live(self.connection, ENVIRONMENT)}
        for flag in await flags.all(self.connection, ENVIRONMENT):
            run = live.get(flag.name)
            assert flag.is_live == (run is not None)
            if run is not None:
                assert flag.served_percentage <= run.percentage
                assert flag.epoch >= run.epoch
            if state.is_stopped:
                assert flag.served_percentage == 0
        for run_id, run in self.ended.items():
            assert await runs.get(self.connection, run.id) == run, run_id
        rows = (
            await self.connection.execute(text("select id from runs where state in ('rolled_back', 'stopped')"))
        ).all()
        self.ended = {row.id: await runs.get(self.connection, row.id) for row in rows}

    async def migration(self) -> Migration | None:
        found = await migrations.live(self.connection, ENVIRONMENT)
        return found[0] if found else None

    async def run(self, name: str) -> runs.Run:
        """The newest run, as a writer knows it who may be late by an epoch."""
        run = await runs.latest(self.connection, environment=ENVIRONMENT, component=name)
        if run is None:
            raise CrossfadeError(name)
        return run

    async def migrate(self, _: str) -> None:
        migration = await self.migration()
        if migration is None:
            await migrations.create(self.connection, plan=plan(NAMES), text="plan", actor="ann")
        elif self.random.random() < 0.1:
            where: dict[str, Any] = {"migration_id": migration.id, "status": MigrationStatus.ABORTED}
            await migrations.set_status(self.connection, **where, actor="ann")

    async def begin(self, name: str) -> None:
        migration = await self.migration()
        await begun_run(self.connection, name, migration_id=None if migration is None else migration.id)

    async def step(self, name: str) -> None:
        run = await self.run(name)
        if run.step == len(STEPS):
            return
        await runs.publish_step(
            self.connection,
            run_id=run.id,
            epoch=run.epoch - self.random.choice((0, 0, 0, 1)),
            step=run.step + 1,
            percentage=STEPS[run.step],
            actor="crossfade",
            reason="",
            effect=effect(),
            require_reading=False,
        )

    async def set_percentage(self, name: str) -> None:
        run = await self.run(name)
        value = Decimal(self.random.randrange(100_001)) / 1000
        words: dict[str, Any] = {"run_id": run.id, "epoch": run.epoch, "actor": "ann", "reason": "", "effect": effect()}
        await runs.set_percentage(self.connection, percentage=value, **words)

    async def lower(self, name: str) -> None:
        await runs.lower(
            self.connection,
            environment=ENVIRONMENT,
            component=name,
            percentage=Decimal(self.random.randrange(50)),
            enabled=self.random.random() < 0.8,
            actor="ann",
            reason="",
        )

    async def resume(self, name: str) -> None:
        run = await self.run(name)
        step = sum(percentage <= run.percentage for percentage in STEPS)
        value = STEPS[step - 1] if step else Decimal(0)
        words: dict[str, Any] = {"run_id": run.id, "epoch": run.epoch, "actor": "ann", "effect": effect()}
        await runs.resume(self.connection, step=step, percentage=value, **words)

    async def complete(self, name: str) -> None:
        run = await self.run(name)
        words: dict[str, Any] = {"run_id": run.id, "epoch": run.epoch, "actor": "crossfade"}
        if run.step == len(STEPS):
            await judge(self.connection, run)
            await runs.bake(self.connection, **words, effect=effect())
            await runs.complete(self.connection, **words, effect=effect())

    async def put(self, name: str) -> None:
        change = Change(enabled=self.random.random() < 0.8, percentage=Decimal(self.random.randrange(101)))
        await flags.put(self.connection, environment=ENVIRONMENT, name=name, change=change, actor="ann", reason="")

    async def validate(self, name: str) -> None:
        request = Request(
            environment=ENVIRONMENT, component=name, name="data", sample=300, max_mismatch=0.01, requested_by="ann"
        )
        checkpoint = await validations.open(self.connection, request)
        result = Result(verdict=Verdict.INCONCLUSIVE, evidence={})
        await validations.close(
            self.connection, environment=ENVIRONMENT, checkpoint_id=checkpoint.id, result=result, actor="ann"
        )

    async def roll_back(self, name: str) -> None:
        rollback = await roll_back(self.connection, name, restore=self.random.choice((None, "previous")))
        assert (await self.run_less_or_one(rollback)) <= 1

    async def run_less_or_one(self, rollback: rollbacks.Rollback) -> int:
        found = await rollbacks.list(self.connection, environment=ENVIRONMENT, limit=10_000)
        return sum(each.run_id == rollback.run_id for each in found if each.run_id is not None)

    async def clear_up(self, name: str) -> None:
        for rollback in await rollbacks.list(self.connection, environment=ENVIRONMENT, component=name):
            if rollback.state is RollbackState.RUNNING:
                words: dict[str, Any] = {"rollback_id": rollback.id, "epoch": rollback.epoch}
                await disable_flag(self.connection, **words)
                await restore_configuration(self.connection, **words)
                state = self.random.choice((RollbackState.COMPLETED, RollbackState.FAILED))
                await rollbacks.finish(self.connection, **words, state=state)

    async def stop(self, _: str) -> None:
        migration = await self.migration()
        if migration is None and self.random.random() < 0.8:
            raise CrossfadeError("nothing to stop")
        scope = None if migration is None or self.random.random() < 0.3 else migration.id
        await stops.stop(self.connection, environment=ENVIRONMENT, migration_id=scope, actor="ann", reason="fire")

    async def release(self, _: str) -> None:
        words: dict[str, Any] = {"actor": "eve", "reason": "fixed", "restore": "completed"}
        await releases.release(self.connection, environment=ENVIRONMENT, **words)


@pytest.mark.parametrize("seed", range(6))
async def test_the_laws_hold_on_a_random_walk(connection: AsyncConnection, seed: int) -> None:
    """Served never exceeds the run's percentage, a stop serves nobody, ended runs stay as they are, audit = state."""
    walk = Walk(connection, seed)
    await walk.take(200)
    await assert_audited(connection, ENVIRONMENT)
    assert walk.happened >= {"begin", "step", "roll_back", "clear_up", "stop", "release"}
