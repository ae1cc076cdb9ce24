"""What a person and a program ask of the API while the migration runs, and how long each answer takes."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Self

import asyncpg
import httpx

from benchmarks.scaling.latency import Latency
from crossfade.sdk.uuid7 import uuid7

FLAG = "scale-probe"
Json = Mapping[str, Any]


class Api:
    """The API with an operator's token and an application's; every call is timed."""

    def __init__(self, url: str, *, admin: str, sdk: str) -> None:
        self.took: dict[str, Latency] = defaultdict(Latency)
        self.failed: dict[str, int] = defaultdict(int)
        self._sdk = {"Authorization": f"Bearer {sdk}"}
        self._client = httpx.AsyncClient(
            base_url=f"{url}/api/migration/",
            headers={"Authorization": f"Bearer {admin}"},
            timeout=30,
            trust_env=False,
        )
        self._puts = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def start(self, plan: str) -> str:
        """Start a plan; the migration's id."""
        return str((await self._call("POST migrations", "POST", "migrations", json={"plan": plan}))["id"])

    async def migration(self, migration: str) -> Json:
        """One migration with its phases."""
        found: Json = await self._call("GET migrations/ID", "GET", f"migrations/{migration}")
        return found

    async def components(self, migration: str) -> list[Json]:
        """Its components with their figures."""
        found = await self._call("GET components", "GET", "components", params={"migrationId": migration})
        return list(found["components"])

    async def approve(self, component: str) -> None:
        """Consent to the step that waits."""
        path = f"components/{component}/approve"
        await self._call("POST approve", "POST", path, json={"reason": "the figures are good"})

    async def skip(self, component: str) -> None:
        """Leave a component on legacy."""
        path = f"components/{component}/skip"
        await self._call("POST skip", "POST", path, json={"reason": "its candidate fails; it is mended later"})

    async def resume(self, migration: str) -> None:
        """Let everything that is paused go on."""
        await self._call("POST resume", "POST", f"migrations/{migration}/resume", json={"reason": "it was skipped"})

    async def health(self) -> None:
        """Ask for health."""
        await self._call("GET health", "GET", "health")

    async def flag(self) -> None:
        """Set a flag that no migration has."""
        self._puts += 1
        body = {"enabled": True, "rolloutPercentage": self._puts % 2, "reason": "probe"}
        await self._call("PUT feature-flags/NAME", "PUT", f"feature-flags/{FLAG}", json=body)

    async def metrics(self) -> None:
        """Report a few points, as somebody with curl would."""
        point = {"component": FLAG, "variant": "legacy", "metric": "responseTime", "value": 20.0}
        body = {"batchId": uuid7(), "client": "probe", "sentAt": time.time(), "points": [point] * 10}
        await self._call("POST metrics (10 points)", "POST", "metrics", json=body, headers=self._sdk)

    async def _call(self, name: str, method: str, path: str, **options: Any) -> Any:
        with self.took[name].timed():
            answer = await self._client.request(method, path, **options)
        if answer.is_error:
            self.failed[f"{name}: {answer.status_code}"] += 1
        answer.raise_for_status()
        return answer.json()


class Ticks:
    """How far apart the ticks of the monitor are, and when the first bad batch of a component came.

    That is looked for at once: samples are made one later, under the time of the newest.
    """

    def __init__(self, connection: asyncpg.Connection, component: str) -> None:
        self._connection = connection
        self._component = component
        self._last: object = None
        self.gaps: list[float] = []
        self.bad_at: datetime | None = None

    async def look(self) -> None:
        """Take the gap when there was a new tick, and the first bad batch when it has come."""
        if self.bad_at is None:
            self.bad_at = await self._connection.fetchval(
                "select min(ingested_at) from migration_metrics join metric_series on series_id = id"
                " where component = $1 and variant = 'candidate' and metric = 'errors' and count > 0",
                self._component,
            )
        await self._tick()

    async def _tick(self) -> None:
        row = await self._connection.fetchrow(
            "select ticked_at, extract(epoch from ticked_at - $1::timestamptz)::float as gap from monitors"
            " where environment = 'production'",
            self._last,
        )
        if row is None or row["ticked_at"] == self._last:
            return
        if row["gap"] is not None:
            self.gaps.append(row["gap"])
        self._last = row["ticked_at"]


async def repeatedly(what: Callable[[], Awaitable[object]], *, seconds: float) -> None:
    """Call it for ever, so often; a call that the server refuses is counted where it is made."""
    while True:
        due = time.monotonic() + seconds
        try:
            await what()
        except httpx.HTTPError:
            await asyncio.sleep(0)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
