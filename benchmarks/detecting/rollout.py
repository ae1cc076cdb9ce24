"""A component at 50 % with five healthy minutes behind it."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Thread
from typing import Any

import asyncpg
import httpx

from benchmarks.detecting.stack import ADMIN_TOKEN, ENVIRONMENT, SDK_TOKEN, Stack
from benchmarks.detecting.traffic import RATE
from crossfade import histogram
from crossfade.sdk.uuid7 import uuid7
from crossfade.wire import BUCKET_SECONDS

HISTORY_SECONDS = 300
PATIENCE = 60.0
USUAL_MS = 20.0
# The limit and the window of the error rate are those of the shipped plan five-phases.yaml.
PLAN = """
apiVersion: crossfade/v1
kind: MigrationPlan
metadata: {{name: {component}, owner: bench, description: One component that stays at half}}
environment: {environment}
defaults:
  ramp:
    steps:
      - {{percentage: 50, hold: 2h, minSample: 100}}
      - {{percentage: 100, hold: 2h, minSample: 100}}
  thresholds:
    metrics:
      - {{name: error-rate, metric: errorRate, max: 1%, window: 5m, action: rollback, failureLimit: {tolerated}}}
phases:
  - name: only
    components: [{{name: {component}}}]
"""


class Rollout:
    """The component, seen through the API, and where the API does not show it in Postgres."""

    def __init__(self, stack: Stack, component: str, *, tolerated: int) -> None:
        self.stack, self.component, self.tolerated = stack, component, tolerated
        self._api = httpx.Client(
            base_url=f"{stack.url}/api/migration/",
            headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
            timeout=10,
            trust_env=False,
        )

    def begin(self) -> None:
        """Start it, wait for 50 %, and give it its past."""
        plan = PLAN.format(component=self.component, environment=ENVIRONMENT, tolerated=self.tolerated)
        self._api.post("migrations", json={"plan": plan}).raise_for_status()
        deadline = time.monotonic() + PATIENCE
        while self._component().get("percentage") != 50:
            if time.monotonic() > deadline:
                raise TimeoutError("The component did not begin.")
            time.sleep(0.1)
        flag = self._api.get(f"feature-flags/{self.component}").raise_for_status().json()
        asyncio.run(self._age())
        self._post_history(int(flag["revision"]))

    def _component(self) -> Any:
        answer = self._api.get(f"components/{self.component}")
        return answer.json() if answer.status_code == 200 else {}

    async def _age(self) -> None:
        """Move its publication into the past."""
        connection = await asyncpg.connect(self.stack.database_url)
        aged = "update runs set published_at = published_at - $1 * interval '1 second' where component = $2"
        await connection.execute(aged, HISTORY_SECONDS, self.component)
        await connection.close()

    def _post_history(self, revision: int) -> None:
        """Tell what would have been measured: the full rate of both variants, without an error."""
        now = int(time.time()) // BUCKET_SECONDS * BUCKET_SECONDS
        buckets = range(now - HISTORY_SECONDS, now, BUCKET_SECONDS)
        for variant in ("legacy", "candidate"):
            rows = [row for bucket in buckets for row in self._healthy(revision, variant, bucket)]
            body = {"batchId": uuid7(), "client": "history", "sentAt": time.time(), "summaries": rows}
            headers = {"Authorization": f"Bearer {SDK_TOKEN}"}
            answer = self._api.post("metrics", json=body, headers=headers).raise_for_status().json()
            if answer["accepted"] != len(rows):
                raise RuntimeError(f"The history was not counted: {answer}")

    def _healthy(self, revision: int, variant: str, bucket: int) -> Iterator[dict[str, object]]:
        calls = RATE * BUCKET_SECONDS
        row = {"component": self.component, "variant": variant, "revision": revision, "bucket": bucket, "count": calls}
        yield {**row, "metric": "requests"}
        values = {"mean": USUAL_MS, "min": USUAL_MS, "max": USUAL_MS}
        yield {**row, "metric": "responseTime", **values, "histogram": [[histogram.index(USUAL_MS), calls]]}

    def rolled_back_at(self) -> float:
        """When the rollback was begun, in seconds since the epoch by the database's clock, which is this machine's."""
        return asyncio.run(self._rolled_back_at())

    async def _rolled_back_at(self) -> float:
        connection = await asyncpg.connect(self.stack.database_url)
        query = "select trigger, started_at from rollback_events where component = $1"
        row = await connection.fetchrow(query, self.component)
        await connection.close()
        if row is None or row["trigger"] != "threshold":
            raise RuntimeError("No threshold has rolled it back.")
        started: datetime = row["started_at"]
        return started.timestamp()

    @contextmanager
    def followed(self) -> Iterator[list[float]]:
        """When the stream of the server told of a new revision, in seconds since the epoch."""
        told: list[float] = []
        stream = httpx.Client(
            headers={"Authorization": f"Bearer {SDK_TOKEN}"}, timeout=httpx.Timeout(10, read=10), trust_env=False
        )
        thread = Thread(target=_follow, args=(stream, f"{self.stack.url}/api/migration/sdk/stream", told), daemon=True)
        thread.start()
        yield told


def _follow(client: httpx.Client, url: str, told: list[float]) -> None:
    with client.stream("GET", url) as answer:
        told.extend(time.time() for line in answer.iter_lines() if line.startswith("id:"))
