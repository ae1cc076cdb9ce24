"""The addresses of the application: one per component, and those that operate it."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict

from examples.airports.answers import Answer
from examples.airports.components import (
    errors_problem_details,
    repository_direct_orm,
    search_fuzzy,
    utilities_query_builder,
)
from examples.airports.directory import Directory
from examples.airports.faults import Fault, Faults
from examples.airports.people import context
from examples.airports.selfcheck import SelfCheck
from examples.airports.serving import Serving
from examples.airports.sockets import Sockets

COMPONENT_ROUTES = {
    "/airports": utilities_query_builder.NAME,
    "/search": search_fuzzy.NAME,
    "/distance": errors_problem_details.NAME,
    "/nearby": repository_direct_orm.NAME,
}
EXAMPLES = (
    "/airports?country=DE&prefix=Frank",
    "/search?q=san+fransisco",
    "/distance?from=FRA&to=QQQ",
    "/nearby?city=Zurich&country=CH",
    "/flags",
    "/faults",
    "/selfcheck",
)


class FaultChange(BaseModel):
    """Which fault a component shall have; null mends it."""

    model_config = ConfigDict(extra="forbid")
    fault: Fault | None


class BrokenChange(BaseModel):
    """Whether the self-check shall fail."""

    model_config = ConfigDict(extra="forbid")
    broken: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes reach."""

    directory: Directory
    serving: Serving
    faults: Faults
    selfcheck: SelfCheck
    sockets: Sockets


def component_routes(serving: Serving) -> APIRouter:
    """A route per component; the header X-User says who asks."""
    router = APIRouter(tags=["directory"])
    for path, name in COMPONENT_ROUTES.items():
        router.add_api_route(path, _asking(serving, name), name=name, response_class=Response)
    return router


def _asking(serving: Serving, name: str) -> Callable[[Request], Awaitable[Response]]:
    async def ask(request: Request) -> Response:
        person = context(request.headers.get("x-user", ""))
        served = await serving.serve(name, request.query_params, person)
        headers = {"X-Variant": served.variant, "X-Revision": str(served.revision), "X-Failed": str(int(served.failed))}
        return _rendered(served.answer, headers)

    return ask


def operating_routes(parts: Parts) -> APIRouter:
    """Health, self-check, flags and faults."""
    router = APIRouter(tags=["operating"])

    @router.get("/")
    async def start() -> dict[str, object]:
        return {"airports": len(parts.directory.airports), "try": EXAMPLES}

    @router.get("/healthz")
    async def healthz() -> dict[str, object]:
        return {"status": "ok", "airports": len(parts.directory.airports)}

    @router.get("/flags")
    async def flags() -> dict[str, object]:
        known = parts.serving.client.flags()
        return {"flags": [{"name": it.name, "isLive": it.is_live, "percentage": float(it.percentage)} for it in known]}

    @router.get("/live")
    async def live(request: Request) -> dict[str, str]:
        variant = parts.sockets.variant(context(request.headers.get("x-user", "")))
        return {"variant": variant}

    @router.get("/selfcheck")
    async def selfcheck() -> Response:
        findings = await parts.selfcheck.findings()
        body = {"status": "failing" if findings else "ok", "findings": findings}
        return _rendered(Answer(body, status=500 if findings else 200), {})

    @router.post("/selfcheck/break")
    async def break_selfcheck(change: BrokenChange) -> dict[str, bool]:
        parts.selfcheck.is_broken = change.broken
        return {"broken": change.broken}

    @router.get("/faults")
    async def faults() -> dict[str, object]:
        return {"faults": parts.faults.switched}

    @router.post("/faults/{component}")
    async def switch_fault(component: str, change: FaultChange) -> dict[str, object]:
        if component not in parts.faults.switched:
            raise HTTPException(404, "There is no such component.")
        parts.faults.switch(component, change.fault)
        return {"component": component, "fault": change.fault}

    return router


def _rendered(answer: Answer, headers: dict[str, str]) -> Response:
    content = json.dumps(answer.body, separators=(",", ":"), ensure_ascii=False)
    return Response(content, answer.status, headers, media_type=answer.media_type)
