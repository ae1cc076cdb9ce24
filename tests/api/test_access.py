"""The access matrix, walked from the OpenAPI document: a route that is not in it, or has no rule, fails here."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from api.auth import SCOPES, Scope
from api.route import SCOPE_KEY, Route
from store import tokens
from tests.api.conftest import ADMIN, SDK, bearer, calling

ID = "018f0000-0000-7000-8000-000000000000"
OPEN = {("GET", "/api/migration/health")}
FOR_SDK = {
    ("GET", "/api/migration/sdk/flags"),
    ("GET", "/api/migration/sdk/stream"),
    ("POST", "/api/migration/sdk/confirmations"),
    ("DELETE", "/api/migration/sdk/clients/{client_id}"),
    ("POST", "/api/migration/metrics"),
    ("POST", "/ofrep/v1/evaluate/flags"),
    ("POST", "/ofrep/v1/evaluate/flags/{key}"),
    ("GET", "/ofrep/v1/events"),
}

BY_TICKET = {"/ofrep/v1/events"}
"""No header lets anybody in there: tests/api/test_ofrep.py brings tickets."""
ENDLESS = {"/api/migration/dashboard/stream", "/api/migration/sdk/stream"}
"""Whoever is let in there gets no end: their own tests look at them."""


def operations(document: dict[str, dict[str, dict[str, dict[str, object]]]]) -> Iterator[tuple[str, str, Scope]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, Scope(str(operation[SCOPE_KEY]))


def filled(path: str) -> str:
    return path.format(
        name="a", key="a", component="a", phase="a", client_id="a", migration_id=ID, rollback_id=ID, validation_id=ID
    )


async def test_every_operation_declares_its_scope_and_the_sdk_may_only_what_is_its_own(app: FastAPI) -> None:
    found = {(method, path): scope for method, path, scope in operations(app.openapi())}

    assert {operation for operation, scope in found.items() if scope is Scope.OPEN} == OPEN
    assert {operation for operation, scope in found.items() if scope in SCOPES["sdk"]} == FOR_SDK
    assert len(found) >= 30


async def test_no_route_answers_beside_those_of_the_document(app: FastAPI) -> None:
    documented = {(method, path) for method, path, _ in operations(app.openapi())}
    ours = [route for route in app.routes if isinstance(route, Route)]
    others = {getattr(route, "path", "") for route in app.routes if not isinstance(route, Route)}

    assert {(method, route.path) for route in ours for method in route.methods or ()} == documented
    assert others == {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/static-offline-docs"}


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {ADMIN}",
        ADMIN,
        f"Bearer {ADMIN[:-1]}",
        f"Bearer {ADMIN}x",
        f"Bearer {ADMIN.replace('testadmin', 'testsdk')}",
        "Bearer cf_admin_unknown_" + "a" * 43,
        "Bearer cf_admin_testadmin_" + "b" * 43,
        "Bearer ' or 1=1 --",
        "Bearer " + "a" * 5000,
    ],
)
async def test_without_a_valid_token_every_route_is_401(app: FastAPI, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with calling(app, None) as client:
        answers = {
            (method, path): await client.request(method, filled(path), headers=headers)
            for method, path, scope in operations(app.openapi())
            if scope is not Scope.OPEN
        }

    assert {answer.status_code for answer in answers.values()} == {401}
    assert all(answer.headers["content-type"] == "application/problem+json" for answer in answers.values())
    assert all(answer.headers["www-authenticate"].startswith("Bearer") for answer in answers.values())


async def test_the_body_of_a_caller_without_a_token_is_not_looked_at(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.post("/api/migration/emergency-stop", content=b"not json")

    assert answer.status_code == 401


async def test_the_sdks_token_gets_403_wherever_it_has_no_business(app: FastAPI) -> None:
    async with calling(app, SDK) as client:
        statuses = {
            (method, path): (await client.request(method, filled(path))).status_code
            for method, path, scope in operations(app.openapi())
            if path not in ENDLESS or scope not in SCOPES["sdk"]
        }
    expected = {operation for operation in OPEN | FOR_SDK if operation[1] not in ENDLESS}

    assert {operation for operation, status in statuses.items() if status != 403} == expected


async def test_the_admin_is_let_in_everywhere(app: FastAPI) -> None:
    async with calling(app, ADMIN) as client:
        statuses = [
            (await client.request(method, filled(path))).status_code
            for method, path, _ in operations(app.openapi())
            if path not in ENDLESS | BY_TICKET
        ]

    assert not {401, 403, 500} & set(statuses)


async def test_a_role_that_no_table_describes_may_do_nothing(
    app: FastAPI, engine: AsyncEngine, environment: str
) -> None:
    viewer = "cf_viewer_testviewer_" + "c" * 43
    async with engine.begin() as connection:
        await tokens.ensure(connection, viewer, role="viewer", environment=environment)

    async with calling(app, viewer) as client:
        statuses = [
            (await client.request(method, filled(path))).status_code
            for method, path, scope in operations(app.openapi())
            if scope is not Scope.OPEN and path not in BY_TICKET
        ]

    assert set(statuses) == {403}


async def test_a_token_in_the_query_is_not_a_token(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/api/migration/feature-flags", params={"token": ADMIN, "access_token": ADMIN})

    assert answer.status_code == 401


async def test_the_scheme_may_be_written_in_any_case(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/api/migration/feature-flags", headers={"Authorization": f"bearer {ADMIN}"})

    assert answer.status_code == 200


async def test_no_answer_contains_a_secret(app: FastAPI) -> None:
    async with calling(app, None) as client:
        texts = [
            (await client.request(method, filled(path), headers=bearer(token))).text
            for method, path, _ in operations(app.openapi())
            for token in (ADMIN, SDK)
            if path not in ENDLESS
        ]

    assert not [text for text in texts if "a" * 43 in text or "b" * 43 in text]
