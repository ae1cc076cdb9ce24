from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from examples.airports.app import create_app
from examples.airports.crosschecks.crosscheck import PHASES
from examples.airports.faults import Fault
from examples.airports.traffic.asking.material import HOSTILE
from examples.airports.traffic.questions import COMPONENTS, LINES, PATHS
from tests.examples.airports.flags_file import started_client

CANDIDATE = {"search-fuzzy": 100, "repository-direct-orm": 100}


@pytest.fixture
async def app(postgres_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    application = create_app(postgres_url, started_client(tmp_path, CANDIDATE))
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://airports") as client,
    ):
        yield client


async def _selfcheck(app: httpx.AsyncClient) -> tuple[int, Mapping[str, Any]]:
    answer = await app.get("/selfcheck")
    return answer.status_code, answer.json()


async def _known(app: httpx.AsyncClient) -> Mapping[str, Mapping[str, str]]:
    """The parameters of a question that each path can answer."""
    suggested = [urlsplit(address) for address in (await app.get("/")).json()["try"]]
    return {address.path: dict(parse_qsl(address.query)) for address in suggested if address.query}


async def test_every_answer_names_its_variant_and_revision(app: httpx.AsyncClient) -> None:
    known = await _known(app)
    for name, path in PATHS.items():
        answer = await app.get(path, params=known[path], headers={"X-User": "u-0001"})
        assert answer.status_code == 200
        assert "EDDF" in answer.text
        assert answer.headers["X-Variant"] == ("candidate" if name in CANDIDATE else "legacy")
        assert (answer.headers["X-Revision"], answer.headers["X-Failed"]) == ("7", "0")


async def test_the_addresses_that_it_suggests_answer(app: httpx.AsyncClient) -> None:
    suggested = (await app.get("/")).json()["try"]
    assert {(await app.get(address)).status_code for address in suggested} == {200}
    assert set(PATHS.values()) < {address.partition("?")[0] for address in suggested}


async def test_hostile_questions_are_answered(app: httpx.AsyncClient) -> None:
    known = await _known(app)
    asked = [(path, name, hostile) for path, params in known.items() for name in params for hostile in HOSTILE]
    for path, name, hostile in asked:
        user = hostile.strip().encode()
        answer = await app.get(path, params={**known[path], name: hostile}, headers={b"X-User": user})
        assert answer.status_code in {200, 400, 404, 422}, (path, name, hostile)
        assert answer.headers["X-Failed"] == "0"


async def test_flags_tell_what_is_ramping(app: httpx.AsyncClient) -> None:
    flags = {flag["name"]: flag for flag in (await app.get("/flags")).json()["flags"]}
    assert set(flags) == set(COMPONENTS)
    assert flags["search-fuzzy"] == {"name": "search-fuzzy", "isLive": False, "percentage": 100.0}


async def test_a_connection_learns_its_variant(app: httpx.AsyncClient) -> None:
    for name in LINES:
        answer = await app.get("/live", params={"component": name}, headers={"X-User": "u-0001"})
        assert answer.json() == {"variant": "candidate" if name in CANDIDATE else "legacy"}
    assert (await app.get("/live", params={"component": "search-fuzzy"})).status_code == 404


async def test_a_fault_makes_candidate_fail_and_legacy_answer(app: httpx.AsyncClient) -> None:
    answer = await app.post("/faults/search-fuzzy", json={"fault": "errors"})
    assert answer.json() == {"component": "search-fuzzy", "fault": "errors"}
    assert (await app.get("/faults")).json()["faults"]["search-fuzzy"] == "errors"
    answers = [await app.get("/search", params={"q": "Zurich"}) for _ in range(60)]
    assert {(answer.status_code, answer.headers["X-Variant"]) for answer in answers} == {(200, "candidate")}
    assert {answer.headers["X-Failed"] for answer in answers} == {"0", "1"}
    await app.post("/faults/search-fuzzy", json={"fault": None})
    answers = [await app.get("/search", params={"q": "Zurich"}) for _ in range(60)]
    assert {answer.headers["X-Failed"] for answer in answers} == {"0"}


async def test_an_unknown_fault_is_refused(app: httpx.AsyncClient) -> None:
    bodies: list[object] = [{"fault": "fire"}, {}, {"fault": None, "more": 1}]
    assert [(await app.post("/faults/search-fuzzy", json=body)).status_code for body in bodies] == [422] * 3
    assert (await app.post("/faults/no-such", json={"fault": None})).status_code == 404


async def test_a_fault_that_makes_no_sense_for_a_component_is_refused(app: httpx.AsyncClient) -> None:
    supported = (await app.get("/faults")).json()["supported"]
    assert set(supported) == set(COMPONENTS)
    for name in COMPONENTS:
        for fault in Fault:
            answer = await app.post(f"/faults/{name}", json={"fault": fault})
            assert answer.status_code == (200 if fault in supported[name] else 422), (name, fault)
        await app.post(f"/faults/{name}", json={"fault": None})
    refused = await app.post("/faults/search-fuzzy", json={"fault": "drops"})
    assert refused.json()["detail"] == "search-fuzzy can have the faults errors, wrong, slow"


async def test_the_selfcheck_passes_over_all_components(app: httpx.AsyncClient) -> None:
    assert await _selfcheck(app) == (200, {"status": "ok", "findings": []})


async def test_each_phase_has_a_cross_check(app: httpx.AsyncClient) -> None:
    for phase in PHASES:
        answer = await app.get(f"/crosscheck/{phase}")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok", "findings": []})
    assert (await app.get("/crosscheck/other")).status_code == 404
    await app.post("/faults/errors-middleware", json={"fault": "errors"})
    answers = [await app.get("/crosscheck/errors") for _ in range(5)]
    assert 500 in {answer.status_code for answer in answers}
    assert (await app.get("/crosscheck/search")).status_code == 200


async def test_the_selfcheck_fails_on_request_and_recovers(app: httpx.AsyncClient) -> None:
    assert (await app.post("/selfcheck/break", json={"broken": True})).json() == {"broken": True}
    finding = {"component": "selfcheck", "finding": "broken on request"}
    assert await _selfcheck(app) == (500, {"status": "failing", "findings": [finding]})
    await app.post("/selfcheck/break", json={"broken": False})
    assert (await _selfcheck(app))[0] == 200


@pytest.mark.parametrize("fault", ["errors", "wrong"])
async def test_the_selfcheck_finds_a_broken_candidate(app: httpx.AsyncClient, fault: str) -> None:
    for component in COMPONENTS[::3]:
        await app.post(f"/faults/{component}", json={"fault": fault})
        assert await _findings(app) == {component}
        await app.post(f"/faults/{component}", json={"fault": None})


async def _findings(app: httpx.AsyncClient) -> set[str]:
    """The components with findings; a fault acts on some calls only, so it asks until there are any."""
    for _ in range(200):
        status, body = await _selfcheck(app)
        assert (status == 200) is (body["findings"] == [])
        if body["findings"]:
            return {finding["component"] for finding in body["findings"]}
    return set()
