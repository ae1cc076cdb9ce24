"""One environment with a live rollout, stopped and released again and again."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import count

import httpx
from sqlalchemy import text

from benchmarks.delivering.stack import ADMIN_TOKEN, ENVIRONMENT
from benchmarks.stopping.applications import frozen
from crossfade.plan.resolved import ComponentPlan, Step
from store import runs
from store.engine import create_engine
from store.identifiers import uuid7

PATIENCE_SECONDS = 60.0
_SETTLED = text(
    """
    select not exists (
        select from (select environment, epoch, seen_at from replicas
                     union all select environment, epoch, seen_at from sdk_clients) as who
        where environment = :environment
          and (epoch < (select epoch from control where environment = :environment)
               or seen_at < clock_timestamp() - interval '1.5 seconds'))
    """
)


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop: how long its caller waited, and what it answered."""

    seconds: float
    status: int
    confirmed: int
    expired: int


class Scene:
    """Stops one environment through one replica."""

    def __init__(self, database_url: str, client: httpx.Client) -> None:
        self._url = database_url
        self._client = client
        self._numbers = count(1)

    def stopped(self, frozen_pid: int | None) -> Stop:
        """Begin a rollout, freeze a process, stop, and bring everything back."""
        asyncio.run(self._serve(f"component-{next(self._numbers)}"))
        self._settle()
        with frozen(frozen_pid):
            began = time.perf_counter()
            answer = self._client.post("emergency-stop", json={"reason": "benchmark"})
            seconds = time.perf_counter() - began
        found = answer.json()
        self._client.post("emergency-stop/release", json={"reason": "next round"}).raise_for_status()
        return Stop(
            seconds=seconds,
            status=answer.status_code,
            confirmed=found.get("replicasApplied", 0) + found.get("clientsConfirmed", 0),
            expired=found.get("replicasExpired", 0) + found.get("clientsExpired", 0),
        )

    async def _serve(self, component: str) -> None:
        """A run that serves candidate to half of the keys; nobody steers it."""
        plan = ComponentPlan(name=component, steps=(Step(percentage=Decimal(50)),))
        engine = create_engine(self._url, pool_size=1)
        async with engine.begin() as connection:
            run = await runs.begin(
                connection,
                environment=ENVIRONMENT,
                component=component,
                migration_id=None,
                phase="only",
                plan=plan,
                actor="benchmark",
                effect=str(uuid7()),
            )
            await runs.publish_step(
                connection,
                run_id=run.id,
                epoch=run.epoch,
                step=1,
                percentage=Decimal(50),
                actor="benchmark",
                reason="",
                effect=str(uuid7()),
                require_reading=False,
            )
        await engine.dispose()

    def _settle(self) -> None:
        """Wait until every replica and client has confirmed what there is."""
        asyncio.run(self._wait_until_settled())

    async def _wait_until_settled(self) -> None:
        engine = create_engine(self._url, pool_size=1)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                async with engine.begin() as connection:
                    if (await connection.execute(_SETTLED, {"environment": ENVIRONMENT})).scalar_one():
                        break
                await asyncio.sleep(0.1)
        await engine.dispose()


@contextmanager
def scene(database_url: str, api_url: str) -> Iterator[Scene]:
    """The scene whose stops go to this replica."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    with httpx.Client(base_url=f"{api_url}/api/migration/", headers=headers, timeout=30, trust_env=False) as client:
        yield Scene(database_url, client)
