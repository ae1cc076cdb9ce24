"""The addresses of the application: one per component, and those that operate it."""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict

from examples.airports.answers import Answer
from examples.airports.crosschecks.crosscheck import PHASES, CrossCheck
from examples.airports.directory import Directory
from examples.airports.faults import Fault, Faults, Unsupported
from examples.airports.people import context
from examples.airports.selfcheck import SelfCheck
from examples.airports.serving import Serving

OPERATING = ("/flags", "/faults", "/selfcheck", *(f"/crosscheck/{phase}" for phase in PHASES))


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
    selfcheck: SelfCheck
    crosscheck: CrossCheck


def component_routes(serving: Serving) -> APIRouter:
    """A route per component; the header X-User says who asks."""
    router = APIRouter(tags=["directory"])
    for name, sides in serving.sides.items():
        if path := sides.component.path:
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
    """Health, checks and flags."""
    router = APIRouter(tags=["operating"])

    @router.get("/")
    async def start() -> dict[str, object]:
        return {"airports": len(parts.directory.airports), "try": [*_examples(parts.serving), *OPERATING]}

    @router.get("/healthz")
    async def healthz() -> dict[str, object]:
        return {"status": "ok", "airports": len(parts.directory.airports)}

    @router.get("/flags")
    async def flags() -> dict[str, object]:
        known = parts.serving.client.flags()
        return {"flags": [{"name": it.name, "isLive": it.is_live, "percentage": float(it.percentage)} for it in known]}

    @router.get("/live")
    async def live(request: Request, component: str) -> dict[str, str]:
        sides = parts.serving.sides.get(component)
        if sides is None or sides.component.path:
            raise HTTPException(404, "There is no such component with live connections.")
        found = parts.serving.client.evaluate(component, context(request.headers.get("x-user", "")))
        return {"variant": str(found.variant)}

    @router.get("/selfcheck")
    async def selfcheck() -> Response:
        return _checked(await parts.selfcheck.findings())

    @router.get("/crosscheck/{phase}")
    async def crosscheck(phase: str) -> Response:
        if phase not in PHASES:
            raise HTTPException(404, f"The phases are {', '.join(PHASES)}.")
        return _checked(await parts.crosscheck.findings(phase))

    @router.post("/selfcheck/break")
    async def break_selfcheck(change: BrokenChange) -> dict[str, bool]:
        parts.selfcheck.is_broken = change.broken
        return {"broken": change.broken}

    return router


def fault_routes(faults: Faults) -> APIRouter:
    """Which faults there are, and the switch."""
    router = APIRouter(prefix="/faults", tags=["faults"])

    @router.get("")
    async def all_faults() -> dict[str, object]:
        return {"faults": faults.switched, "supported": faults.supported}

    @router.post("/{component}")
    async def switch_fault(component: str, change: FaultChange) -> dict[str, object]:
        if component not in faults.switched:
            raise HTTPException(404, "There is no such component.")
        try:
            faults.switch(component, change.fault)
        except Unsupported as error:
            raise HTTPException(422, str(error)) from error
        return {"component": component, "fault": change.fault}

    return router


def _checked(findings: Sequence[Mapping[str, str]]) -> Response:
    body = {"status": "failing" if findings else "ok", "findings": findings}
    return _rendered(Answer(body, status=500 if findings else 200), {})


def _examples(serving: Serving) -> Iterator[str]:
    """The first probe of each component as an address."""
    for sides in serving.sides.values():
        if path := sides.component.path:
            yield f"{path}?{urlencode(sides.component.probes[0][0])}"


def _rendered(answer: Answer, headers: dict[str, str]) -> Response:
    content = json.dumps(answer.body, separators=(",", ":"), ensure_ascii=False)
    return Response(content, answer.status, headers, media_type=answer.media_type)
