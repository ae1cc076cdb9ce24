"""The document says everything that a route can answer, and its page needs no other host."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.auth import Scope
from api.guard import METHODS_WITH_BODY
from api.problems import MEDIA_TYPE
from api.route import SCOPE_KEY

PROBLEM = {"$ref": "#/components/schemas/Problem"}
ALWAYS = {"422", "500"}
OF_A_CALLER = {"401", "403", "503"}
OF_OFREP = {"400", "404"}
"""Answers of OFREP whose form is OFREP's."""
OF_A_BODY = {"400", "408", "413", "415", "422"}


def operations(app: FastAPI) -> Iterator[tuple[str, str, dict[str, Any]]]:
    document: dict[str, Any] = app.openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


async def test_every_operation_documents_the_answers_that_all_have(app: FastAPI) -> None:
    missing = {}
    for method, path, operation in operations(app):
        wanted = set(ALWAYS)
        if operation[SCOPE_KEY] != Scope.OPEN:
            wanted |= OF_A_CALLER
        if method in METHODS_WITH_BODY:
            wanted |= OF_A_BODY
        missing[method, path] = wanted - set(operation["responses"])

    assert {operation: statuses for operation, statuses in missing.items() if statuses} == {}


async def test_every_error_is_documented_as_a_problem(app: FastAPI) -> None:
    others = [
        (method, path, status)
        for method, path, operation in operations(app)
        for status, answer in operation["responses"].items()
        if int(status) >= 400
        and not (path.startswith("/ofrep/") and status in OF_OFREP)
        and answer["content"] != {MEDIA_TYPE: {"schema": PROBLEM}}
    ]

    assert others == []


async def test_every_operation_has_a_summary_a_description_and_a_success(app: FastAPI) -> None:
    bare = [
        (method, path)
        for method, path, operation in operations(app)
        if not (operation.get("summary") and operation.get("description"))
        or not any(status.startswith("2") for status in operation["responses"])
    ]

    assert bare == []


async def test_every_reference_of_the_document_leads_somewhere(app: FastAPI) -> None:
    document = app.openapi()
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    assert set(references(document)) <= schemas
    assert {"#/components/schemas/Batch", "#/components/schemas/Summary", "#/components/schemas/Problem"} <= schemas


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


@pytest.mark.parametrize("path", ["stream", "tokens", "experiments"])
async def test_no_route_answers_before_it_works(admin: httpx.AsyncClient, path: str) -> None:
    statuses = {(await admin.request(method, f"/api/migration/{path}")).status_code for method in ("GET", "POST")}

    assert statuses == {404}


async def test_the_page_of_the_documentation_names_no_other_host(nobody: httpx.AsyncClient) -> None:
    page = await nobody.get("/docs")

    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert (await nobody.get("/static-offline-docs/swagger-ui-bundle.js")).status_code == 200
    assert (await nobody.get("/openapi.json")).json()["info"]["title"] == "Crossfade"
