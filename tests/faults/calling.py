"""Callers of the replicas that repeat what was not answered, as clients do."""

import asyncio
import json
from dataclasses import asdict
from itertools import count

import httpx

from crossfade.intake import Dropped
from crossfade.wire import Batch
from store.metrics import IngestResult
from tests.api.conftest import ADMIN, SDK, bearer
from tests.faults.processes import Api
from tests.faults.scene import Scene, Stubborn
from tests.workflows.stage import Company

SECONDS = 30.0


class HttpTraffic(Stubborn):
    """Hands its batches to the replicas in turn."""

    def __init__(self, company: Company, environment: str, replicas: list[Api]) -> None:
        super().__init__(company, environment)
        self._replicas, self._turns = replicas, count()
        self.unanswered = 0

    async def deliver(self, batch: Batch) -> IngestResult:
        """Hand a batch in; ConnectionError when it was not answered."""
        replica = self._replicas[next(self._turns) % len(self._replicas)]
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            try:
                answer = await client.post(
                    f"{replica.address}/api/migration/metrics", content=json.dumps(asdict(batch)), headers=SDK_HEADERS
                )
            except httpx.TransportError as error:
                self.unanswered += 1
                raise ConnectionError from error
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            self.unanswered += 1
            raise ConnectionError
        assert answer.status_code == httpx.codes.OK, answer.text
        body = answer.json()
        dropped = tuple(Dropped(**drop) for drop in body["dropped"])
        return IngestResult(body["batchId"], body["accepted"], dropped, body["duplicate"])


SDK_HEADERS = {**bearer(SDK), "Content-Type": "application/json"}


async def ordered(replica: Api, path: str, key: str, **body: object) -> httpx.Response:
    """An operator's order under an idempotency key, whatever it is answered with; TransportError without an answer."""
    headers = {**bearer(ADMIN), "Idempotency-Key": key}
    async with httpx.AsyncClient(trust_env=False, timeout=SECONDS, headers=headers) as client:
        return await client.post(f"{replica.address}/api/migration/{path}", json=body)


async def ordered_until_taken(replica: Api, path: str, key: str, **body: object) -> httpx.Response:
    """The same, repeated under the same key until it is taken."""
    while True:
        try:
            answer = await ordered(replica, path, key, **body)
        except httpx.TransportError:
            await asyncio.sleep(0.2)
            continue
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            return answer
        await asyncio.sleep(0.2)


def speak_http(scene: Scene) -> HttpTraffic:
    """Let the traffic of a scene go through its replicas from now on."""
    traffic = HttpTraffic(scene.company, scene.environment, scene.replicas)
    scene.play(traffic)
    return traffic
