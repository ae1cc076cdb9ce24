"""The application and its traffic as they run in the demo, under a control plane of the test."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from local.ports import free_port
from tests.examples.airports.control_plane import ControlPlane, control_plane
from tests.examples.airports.programs import eventually, running

LIVE = "websocket-socketio"
COUNTED = ("utilities-query-builder", "search-fuzzy", "errors-problem-details", "repository-direct-orm", LIVE)
RAMPING = ("search-fuzzy", LIVE)


@dataclass(frozen=True)
class Town:
    """Everything that runs, and ways to look at it."""

    plane: ControlPlane
    app: str
    traffic: str
    session: aiohttp.ClientSession

    async def counted(self, name: str, variant: str, metric: str) -> int:
        async with self.session.get(f"{self.traffic}/counts") as answer:
            return int((await answer.json())[name][variant][metric])

    async def requests(self, name: str) -> int:
        return sum([await self.counted(name, variant, "requests") for variant in ("legacy", "candidate")])

    async def post(self, address: str, body: object = None) -> Any:
        async with self.session.post(address, json=body) as answer:
            return await answer.json()

    async def published(self, name: str, **changes: object) -> None:
        self.plane.publish(name, **changes)
        await eventually(self._is_confirmed)

    async def answered(self, name: str, variant: str, metric: str, most: int) -> None:
        """Wait until so many more have been counted."""
        before = await self.counted(name, variant, metric)

        async def enough() -> bool:
            return await self.counted(name, variant, metric) >= before + most

        await eventually(enough)

    async def agreed(self) -> Mapping[str, Any]:
        """Pause the traffic; its counts once the reported ones are the same."""
        counts = await self.post(f"{self.traffic}/pause")

        assert isinstance(counts, dict)

        async def same() -> bool:
            return bool(self.plane.counts() == counts)

        await eventually(same, seconds=15)
        return counts

    async def reported(self, name: str, metric: str, *, more_than: int) -> int:
        """Wait until the candidate's metric was reported more often than that; how often it was."""

        async def is_more() -> bool:
            return self.plane.reported[name, "candidate", metric] > more_than

        await eventually(is_more, seconds=15)
        return self.plane.reported[name, "candidate", metric]

    async def _is_confirmed(self) -> bool:
        return self.plane.confirmed == self.plane.revision


@pytest.fixture
async def town(postgres_url: str, tmp_path: object) -> AsyncIterator[Town]:
    async with control_plane() as plane, aiohttp.ClientSession() as session:
        environ = {
            "DATABASE_URL": postgres_url,
            "CROSSFADE_URL": plane.url,
            "CROSSFADE_TOKEN": "sdk",
            "CROSSFADE_HOME": str(tmp_path),
        }
        async with (
            running("examples.airports", port=free_port(), environ=environ) as app,
            running("examples.airports.traffic", "--app", app, port=free_port(), environ={}) as traffic,
        ):
            yield Town(plane, app, traffic, session)
    assert len(plane.left) == 1, "the application said goodbye"


async def test_the_traffic_counts_what_the_sdk_reports(town: Town) -> None:
    for name in COUNTED:
        await town.published(name, percentage=50, isLive=name in RAMPING, shadowShare=1)
    before = {name: await town.requests(name) for name in COUNTED}
    await town.answered(LIVE, "candidate", "requests", 20)
    await town.answered("search-fuzzy", "candidate", "requests", 60)
    asked = {name: await town.requests(name) - before[name] for name in COUNTED}
    assert asked["search-fuzzy"] > 2 * max(number for name, number in asked.items() if name not in RAMPING)
    for name in COUNTED:
        for variant in ("legacy", "candidate"):
            await town.answered(name, variant, "requests", 1)
    counts = await town.agreed()
    assert all(counts[name][variant]["errors"] == 0 for name in COUNTED for variant in counts[name])
    for name in COUNTED:
        comparisons = await town.reported(name, "comparisons", more_than=0)
        assert town.plane.reported[name, "candidate", "mismatches"] <= 0.05 * comparisons


async def test_faults_show_as_errors_and_mismatches_that_are_counted_alike(town: Town) -> None:
    for name in (LIVE, "errors-problem-details"):
        await town.published(name, percentage=100, shadowShare=1, isLive=True)
        await town.post(f"{town.app}/faults/{name}", {"fault": "errors"})
    for name in (LIVE, "errors-problem-details"):
        await town.answered(name, "candidate", "errors", 10)
        await town.post(f"{town.app}/faults/{name}", {"fault": "wrong"})
        await town.answered(name, "candidate", "requests", 60)
    counts = await town.agreed()
    for name in (LIVE, "errors-problem-details"):
        assert 10 <= counts[name]["candidate"]["errors"] < counts[name]["candidate"]["requests"]
        assert town.plane.reported[name, "candidate", "fallbacks"] == counts[name]["candidate"]["errors"]
        await town.reported(name, "mismatches", more_than=counts[name]["candidate"]["errors"])


async def test_connections_follow_the_flag_and_end_in_good_order(town: Town) -> None:
    await town.published(LIVE, percentage=100, isLive=True)
    await town.answered(LIVE, "candidate", "requests", 40)
    await town.published(LIVE, percentage=0)
    await town.answered(LIVE, "legacy", "requests", 40)
    before = await town.counted(LIVE, "candidate", "requests")
    await town.answered(LIVE, "legacy", "requests", 40)
    assert await town.counted(LIVE, "candidate", "requests") == before
    await town.agreed()
    reported = town.plane.reported

    async def all_closed() -> bool:
        return all(
            reported[LIVE, variant, "connectionsOpened"] == reported[LIVE, variant, "connectionsClosed"] > 0
            for variant in ("legacy", "candidate")
        )

    await eventually(all_closed, seconds=15)
    assert not [key for key in reported if key[2] == "connectionsAbnormal"]


async def test_a_connection_that_breaks_is_abnormal(town: Town) -> None:
    await town.post(f"{town.traffic}/pause")
    await town.published(LIVE, percentage=0)
    address = town.app.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*address.split(":"))
    writer.write(
        f"GET /live/ws?user=u-1 HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 101")
    writer.transport.abort()

    async def is_reported() -> bool:
        return town.plane.reported[LIVE, "legacy", "connectionsAbnormal"] == 1

    await eventually(is_reported, seconds=15)


async def test_memory_is_declared_for_both_variants(town: Town) -> None:
    name = "utilities-query-builder"
    await town.published(name, percentage=50, isLive=True)
    await town.answered(name, "legacy", "requests", 5)
    await town.answered(name, "candidate", "requests", 5)

    async def is_declared() -> bool:
        return all(town.plane.gauges.get((name, variant), 0.0) > 0 for variant in ("legacy", "candidate"))

    await eventually(is_declared, seconds=15)
    assert max(town.plane.gauges.values()) < 0.9


async def test_the_traffic_goes_on_after_the_application_was_away(postgres_url: str) -> None:
    async with control_plane() as plane, aiohttp.ClientSession() as session:
        environ = {"DATABASE_URL": postgres_url, "CROSSFADE_URL": plane.url, "CROSSFADE_TOKEN": "sdk"}
        port, own = free_port(), free_port()
        async with running(
            "examples.airports.traffic", "--app", f"http://127.0.0.1:{port}", port=own, environ={}
        ) as traffic:
            for _ in range(2):
                async with running("examples.airports", port=port, environ=environ) as app:
                    town = Town(plane, app, traffic, session)
                    await asyncio.gather(*(town.answered(name, "legacy", "requests", 5) for name in COUNTED))
