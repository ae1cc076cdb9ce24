"""A migration to look at, what its clients report, and what the dashboard says of it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from crossfade import histogram
from store import components
from store.identifiers import uuid7
from store.migrations import Migration
from tests.builders import completed_run, judge, served_run, started_migration

DASHBOARD = "/api/migration/dashboard"
STREAM = f"{DASHBOARD}/stream"
PATIENCE = 60.0
BUCKET = 10


async def half_way(engine: AsyncEngine, environment: str) -> Migration:
    """`search` is live at 50 % and judged, `errors` complete, `cache` has not begun; a worker judges."""
    async with engine.begin() as connection:
        made = await started_migration(connection, ("search", "errors"), ("cache",), environment=environment)
        own: dict[str, Any] = {"environment": environment, "migration_id": made.id}
        run = await served_run(connection, "search", percentage=50, **own)
        await judge(connection, run, samples=1000)
        await components.note(connection, migration_id=made.id, name="search", waiting_for="hold time")
        await completed_run(connection, "errors", **own)
    return made


async def shown(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get(DASHBOARD, params=query)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def bucket(minutes: int = 1) -> int:
    """A bucket in the middle of the minute that began so many minutes before this one: no clock moves it out."""
    return int(time.time()) // 60 * 60 - minutes * 60 + 2 * BUCKET


async def revision_of(client: httpx.AsyncClient, name: str) -> int:
    return int((await client.get(f"/api/migration/feature-flags/{name}")).json()["revision"])


async def report(client: httpx.AsyncClient, *rows: dict[str, object]) -> None:
    batch = {"batchId": str(uuid7()), "client": "test", "sentAt": time.time(), "summaries": rows}
    answer = await client.post("/api/migration/metrics", json=batch)
    assert (answer.status_code, answer.json()["dropped"]) == (200, [])


def row(revision: int, metric: str, count: int, *, minutes: int = 1, **values: object) -> dict[str, object]:
    """A row of `search`, candidate, so many minutes ago."""
    return {
        "component": "search",
        "variant": "candidate",
        "revision": revision,
        "metric": metric,
        "bucket": bucket(minutes),
        "count": count,
        **values,
    }


def times(revision: int, values: Sequence[float], **changes: Any) -> dict[str, object]:
    counts = histogram.merge({histogram.index(value): 1} for value in values)
    return row(revision, "responseTime", len(values), histogram=sorted(counts.items()), **changes)


def series(document: dict[str, Any], metric: str, variant: str = "candidate") -> dict[datetime, float]:
    """The points that have a value."""
    (points,) = [
        each["points"]
        for each in document["performance"]["series"]
        if (each["metric"], each["variant"]) == (metric, variant)
    ]
    return {datetime.fromisoformat(at): value for at, value in points if value is not None}


class Told:
    """One server-sent event."""

    def __init__(self, lines: list[str]) -> None:
        fields = dict(line.split(": ", 1) for line in lines)
        self.id = fields.get("id", "")
        self.kind = fields["event"]
        self.data: dict[str, Any] = json.loads(fields["data"])


async def told(answer: httpx.Response) -> AsyncIterator[Told]:
    """The events of a stream; comments are left out."""
    lines: list[str] = []
    async for line in answer.aiter_lines():
        if line and not line.startswith(":"):
            lines.append(line)
        elif lines:
            yield Told(lines)
            lines = []


@asynccontextmanager
async def viewing(address: str, token: str, **query: Any) -> AsyncIterator[AsyncIterator[Told]]:
    headers = {"Authorization": f"Bearer {token}"} | (
        {"Last-Event-ID": query.pop("header")} if "header" in query else {}
    )
    async with (
        asyncio.timeout(PATIENCE),
        httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client,
        client.stream("GET", STREAM, params=query, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        yield told(answer)


async def first(stream: AsyncIterator[Told], number: int = 1) -> list[Told]:
    """So many events from now on."""
    return [await anext(stream) for _ in range(number)]
