"""The server's side of the SDK's protocol, in the test's own process: it hands out flags and records metrics."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from examples.airports.traffic.questions import COMPONENTS


class ControlPlane:
    """Flags of all five components and what was reported about them."""

    def __init__(self) -> None:
        self.url = ""
        self.revision = 1
        self.confirmed = 0
        self.reported: Counter[tuple[str, str, str]] = Counter()
        self.gauges: dict[tuple[str, str], float] = {}
        self.left: list[str] = []
        self._flags = {name: _flag(name) for name in COMPONENTS}

    def publish(self, name: str, **changes: object) -> None:
        """Change a flag."""
        self.revision += 1
        self._flags[name] |= {**changes, "revision": self.revision}

    def counts(self) -> Mapping[str, Mapping[str, Mapping[str, int]]]:
        """Requests and errors as reported, in the shape of the traffic's counts."""
        return {
            name: {
                variant: {metric: self.reported[name, variant, metric] for metric in ("requests", "errors")}
                for variant in ("legacy", "candidate")
            }
            for name in COMPONENTS
        }

    async def _get_flags(self, request: web.Request) -> web.Response:
        tag = f'"{self.revision}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        flags = list(self._flags.values())
        body = {"environment": "test", "revision": self.revision, "epoch": 1, "validFor": 5, "flags": flags}
        return web.json_response(body, headers={"ETag": tag})

    async def _confirm(self, request: web.Request) -> web.Response:
        self.confirmed = (await request.json())["revision"]
        return web.json_response({"revision": self.revision, "epoch": 1, "validFor": 5, "recorded": True})

    async def _take(self, request: web.Request) -> web.Response:
        batch = await request.json()
        for row in batch["summaries"]:
            self.reported[row["component"], row["variant"], row["metric"]] += row["count"]
            if row["metric"] == "memoryUsage":
                self.gauges[row["component"], row["variant"]] = row.get("mean", 0.0)
        accepted = len(batch["summaries"])
        return web.json_response({"batchId": batch["batchId"], "accepted": accepted, "dropped": [], "duplicate": False})

    async def _leave(self, request: web.Request) -> web.Response:
        self.left.append(request.match_info["client"])
        return web.Response(status=204)

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application()
        application.router.add_get("/api/migration/sdk/flags", self._get_flags)
        application.router.add_post("/api/migration/sdk/confirmations", self._confirm)
        application.router.add_delete("/api/migration/sdk/clients/{client}", self._leave)
        application.router.add_post("/api/migration/metrics", self._take)
        return application


@asynccontextmanager
async def control_plane() -> AsyncIterator[ControlPlane]:
    """A control plane that listens."""
    plane = ControlPlane()
    server = TestServer(plane.application())
    await server.start_server()
    plane.url = str(server.make_url("/"))
    yield plane
    await server.close()


def _flag(name: str) -> dict[str, object]:
    return {
        "name": name,
        "environment": "test",
        "enabled": True,
        "percentage": 0,
        "ceiling": 100,
        "fallbackEnabled": True,
        "salt": name,
        "revision": 1,
        "epoch": 1,
        "isLive": False,
        "shadowShare": 0,
        "conditions": {},
        "overrides": {},
    }
