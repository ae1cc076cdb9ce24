"""The whole of Crossfade in one process, with an application that uses it: API, worker, SDK, real servers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

import worker
from api.settings import Settings
from crossfade.sdk import Client
from store.engine import create_engine
from tests.api.conftest import ADMIN, PLANS, SDK, bearer, listening, running
from tests.suites.application import Application
from workflows.client import connect

PATIENCE = 120.0
RAMP = "[{percentage: 10, hold: 1s, minSample: 10}, {percentage: 100, hold: 1s, minSample: 10}]"
VALIDATED = "[{percentage: 50, hold: 1s, minSample: 10, validate: [data-consistency]}, {percentage: 100, hold: 1s}]"
LONG = "[{percentage: 50, hold: 1h, minSample: 10}, {percentage: 100, hold: 1s}]"


def plan(name: str, phases: str, *, steps: str = RAMP) -> str:
    """A plan whose every component takes the same steps."""
    return f"""
apiVersion: crossfade/v1
kind: MigrationPlan
metadata: {{name: {name}, owner: tests, description: A suite}}
environment: production
defaults:
  ramp: {{steps: {steps}}}
  thresholds: {{metrics: [{{name: error-rate, metric: errorRate, max: 1%, window: 1m, action: rollback}}]}}
  validation:
    data-consistency: {{type: shadow-compare, sample: 100, maxMismatch: 5%, confidence: 0.95, timeout: 1m}}
  rollback: {{steps: [disable_flag, drain, restore_configuration, validate, notify], cooldown: 0s, maxAttempts: 3}}
  bake: 1s
policy: {{maxComponentsRamping: 4, onComponentRollback: pausePhase}}
phases:
{phases}
"""


@dataclass
class House:
    """Where everything answers, and somebody with a token."""

    address: str
    http: httpx.AsyncClient
    application: Application

    async def get(self, path: str) -> Any:  # JSON, whatever its shape
        """What the API answers to a person."""
        return (await self.http.get(path)).raise_for_status().json()

    async def component(self, name: str) -> Any:
        """A component as the API shows it, empty before it is there."""
        answer = await self.http.get(f"components/{name}")
        return answer.json() if answer.is_success else {}

    async def start(self, text: str) -> str:
        """The id of a migration that has begun."""
        answer = await self.http.post("migrations", json={"plan": text})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def until(self, look: Callable[[], Awaitable[Any]], holds: Callable[[Any], object]) -> Any:
        """What is seen once it is so; each look is a request."""
        seen: Any = None
        try:
            async with asyncio.timeout(PATIENCE):
                while not (seen := await look()) or not holds(seen):
                    continue
        except TimeoutError:
            raise AssertionError(seen) from None
        return seen

    async def until_component(self, name: str, holds: Callable[[Any], object]) -> Any:
        """The component once it is so."""
        return await self.until(lambda: self.component(name), holds)


@asynccontextmanager
async def house_at(database_url: str, temporal: dict[str, str]) -> AsyncIterator[House]:
    """Everything on this database and this Temporal."""
    settings = Settings(database_url=database_url, admin_token=ADMIN, sdk_token=SDK, plans=PLANS, environ={**temporal})
    engine = create_engine(database_url)
    client = await connect(temporal, lazy=False)
    async with worker.build(client, engine, {}, grace=timedelta(0)), running(settings) as app:
        await worker.watch(client, settings.environment)
        async with listening(app) as address, _application(address) as application:
            base, headers = f"{address}/api/migration/", bearer(ADMIN)
            async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30, trust_env=False) as http:
                yield House(address, http, application)
    await engine.dispose()


@asynccontextmanager
async def _application(address: str) -> AsyncIterator[Application]:
    client = Client(address, SDK, client_id="suite", refresh=0.2)
    await asyncio.to_thread(client.start, timeout=10)
    application = Application(client)
    serving = asyncio.create_task(application.serve())
    yield application
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
    await asyncio.to_thread(client.close)
