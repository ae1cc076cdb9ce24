"""Hostile bodies, each sent to every route that takes one: refused as a problem, never a defect, never repeated."""

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.guard import METHODS_WITH_BODY
from tests.api.conftest import ADMIN, calling
from tests.api.test_access import ENDLESS, filled

MARK = "hostile-mark-4711"
QUOTED = json.dumps(MARK).encode()


def member(value: bytes) -> bytes:
    """An object whose members are names that routes know, all with this value."""
    names = (b"reason", b"enabled", b"phase", b"plan", b"clientId", b"batchId", b"step")
    return b"{" + b", ".join(b'"%s": %s' % (name, value) for name in names) + b"}"


NOT_JSON = {
    "text": MARK.encode(),
    "half": b'{"reason": ' + QUOTED,
    "single quotes": f"{{'reason': '{MARK}'}}".encode(),
    "yaml": f"reason: {MARK}".encode(),
    "xml": f"<reason>{MARK}</reason>".encode(),
    "a form": f"reason={MARK}".encode(),
    "two objects": member(QUOTED) * 2,
    "a comment": member(QUOTED) + b" // " + MARK.encode(),
    "a trailing comma": b'{"reason": ' + QUOTED + b",}",
    "a byte order mark": b"\xef\xbb\xbf" + member(QUOTED),
    "UTF-16": member(QUOTED).decode().encode("utf-16"),
    "UTF-32": member(QUOTED).decode().encode("utf-32"),
    "latin-1": f'{{"reason": "{MARK}é"}}'.encode("latin-1"),
    "invalid UTF-8": b'{"reason": "\xff\xfe' + MARK.encode() + b'"}',
    "an overlong encoding": b'{"reason": "\xc0\x80' + MARK.encode() + b'"}',
    "an encoded surrogate": b'{"reason": "\xed\xa0\x80' + MARK.encode() + b'"}',
    "a lone high surrogate": rb'{"reason": "\ud800' + MARK.encode() + b'"}',
    "a lone low surrogate": rb'{"reason": "\udfff' + MARK.encode() + b'"}',
    "surrogates the wrong way round": rb'{"reason": "\udc00\ud800' + MARK.encode() + b'"}',
    "a surrogate as a key": rb'{"\ud800' + MARK.encode() + b'": 1}',
    "an escaped NUL": rb'{"reason": "\u0000' + MARK.encode() + b'"}',
    "a raw NUL": b'{"reason": "\x00' + MARK.encode() + b'"}',
    "a NUL as a key": rb'{"\u0000' + MARK.encode() + b'": 1}',
    "a NUL behind the body": member(QUOTED) + b"\x00",
    "a raw newline in a string": b'{"reason": "a\n' + MARK.encode() + b'"}',
    "a duplicate key": b'{"reason": "a", "reason": ' + QUOTED + b"}",
    "a duplicate key, escaped": rb'{"reason": "a", "\u0072eason": ' + QUOTED + b"}",
    "a duplicate key below": b'{"conditions": {"environment": "a", "environment": ' + QUOTED + b"}}",
    "NaN": member(b"NaN"),
    "Infinity": member(b"Infinity"),
    "minus Infinity": member(b"-Infinity"),
    "1e999": member(b"1e999"),
    "-1e999": member(b"-1e999"),
    "an integer above int64": member(b"9223372036854775808"),
    "an integer below int64": member(b"-9223372036854775809"),
    "5000 digits": member(b"9" * 5000),
    "5000 digits behind the point": member(b"0." + b"9" * 5000),
    "an exponent of 5000 digits": member(b"1e" + b"9" * 5000),
    "a leading zero": member(b"007"),
    "hexadecimal": member(b"0x10"),
    "100000 open brackets": b"[" * 100_000,
    "100000 brackets": b"[" * 100_000 + b"]" * 100_000,
    "100000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "33 brackets": b"[" * 33 + b"]" * 33,
}
WRONG = {
    "null as an array member": b"[null]",
    "an array": b"[" + QUOTED + b"]",
    "a string": QUOTED,
    "a number": b"17",
    "a boolean": b"true",
    "an array of objects": b"[" + member(QUOTED) + b"]",
    "an unknown member": json.dumps({MARK: 1}).encode(),
    "an unknown member beside a null": json.dumps({MARK: None}).encode(),
    "__proto__": b'{"__proto__": {"isAdmin": true}}',
    "snake case": b'{"rollout_percentage": 5, "sample_size": 5, "client_id": "x", "migration_id": "x"}',
    "an object everywhere": member(json.dumps({MARK: 1}).encode()),
    "an array everywhere": member(b"[" + QUOTED + b"]"),
    "an empty array everywhere": member(b"[]"),
    "1e308 everywhere": member(b"1e308"),
    "a boolean everywhere": member(b"true"),
    "an integer everywhere": member(b"-1"),
    "the largest integer everywhere": member(b"9223372036854775807"),
    "a fraction everywhere": member(b"0.1"),
    "an empty string everywhere": member(b'""'),
    "a long string everywhere": member(json.dumps(MARK * 2000).encode()),
    "markup everywhere": member(json.dumps(f"<script>{MARK}</script>").encode()),
    "SQL everywhere": member(json.dumps(f"'; drop table runs; -- {MARK}").encode()),
    "a format everywhere": member(json.dumps("%s%n{0}${MARK}$(" + MARK + ")").encode()),
    "a direction override": member(json.dumps(f"\u202e{MARK}").encode()),
    "a thousand members": json.dumps({f"{MARK}-{index}": index for index in range(1000)}).encode(),
}


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Those of Crossfade's own API; tests/api/test_ofrep_hostile.py sends the same to those of OFREP."""
    document: dict[str, Any] = app.openapi()
    return [
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method in methods
        if method.upper() in METHODS_WITH_BODY and path.startswith("/api/")
    ]


async def send_everywhere(app: FastAPI, raw: bytes) -> dict[tuple[str, str], httpx.Response]:
    headers = {"Content-Type": "application/json"}
    async with calling(app, ADMIN) as client:
        return {
            (method, path): await client.request(method, filled(path), content=raw, headers=headers)
            for method, path in routes(app)
        }


@pytest.mark.parametrize("raw", NOT_JSON.values(), ids=NOT_JSON)
async def test_what_is_not_strict_json_is_400_on_every_route(app: FastAPI, raw: bytes) -> None:
    answers = await send_everywhere(app, raw)

    assert {answer.status_code for answer in answers.values()} == {400}
    assert {answer.headers["content-type"] for answer in answers.values()} == {"application/problem+json"}
    assert not [answer.text for answer in answers.values() if MARK in answer.text]


@pytest.mark.parametrize("raw", WRONG.values(), ids=WRONG)
async def test_strict_json_that_is_no_body_of_the_route_is_422_on_every_route(app: FastAPI, raw: bytes) -> None:
    answers = await send_everywhere(app, raw)

    assert {answer.status_code for answer in answers.values()} == {422}
    assert {answer.headers["content-type"] for answer in answers.values()} == {"application/problem+json"}
    assert not [answer.text for answer in answers.values() if MARK in answer.text]


def test_the_corpus_has_at_least_sixty_bodies() -> None:
    assert len(NOT_JSON) + len(WRONG) >= 60


@pytest.mark.parametrize(
    "path",
    [
        "feature-flags/%00",
        "feature-flags/A",
        "feature-flags/..%2f..%2fetc",
        "feature-flags/" + "a" * 129,
        "feature-flags/%ff%fe",
        "feature-flags/%ed%a0%80",
        "feature-flags/a%20b",
        "feature-flags/<script>",
        "rollbacks/1",
        "rollbacks/%00",
        "migrations/018f0000",
        "validations/018f0000-0000-7000-8000-00000000000g",
        "components/%00",
        "components?migrationId=1",
        "components?migrationId=%00",
        "alerts?limit=0",
        "alerts?limit=501",
        "alerts?limit=1e3",
        "alerts?limit=99999999999999999999",
        "rollbacks?limit=-1",
        "rollbacks?limit=%00",
        "feature-flags/a/history?before=0",
        "feature-flags/a/history?before=9223372036854775808",
        "feature-flags/a/history?before=99999999999999999999",
    ],
)
async def test_hostile_paths_and_queries_are_refused(admin: httpx.AsyncClient, path: str) -> None:
    answer = await admin.get(f"/api/migration/{path}")

    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert "script" not in answer.text


async def test_a_query_parameter_that_a_route_does_not_know_is_422_on_every_route(app: FastAPI) -> None:
    document: dict[str, Any] = app.openapi()
    async with calling(app, ADMIN) as client:
        answers = [
            await client.request(method.upper(), filled(path), params={MARK: MARK})
            for path, methods in document["paths"].items()
            for method in methods
            if path.startswith("/api/") and path not in ENDLESS
        ]

    assert {answer.status_code for answer in answers} == {422}
    assert not [answer.text for answer in answers if MARK in answer.text]


async def test_a_query_parameter_that_is_given_twice_is_refused_by_its_name(admin: httpx.AsyncClient) -> None:
    answer = await admin.get("/api/migration/alerts?limit=5&limit=6")

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "query.limit", "message": "is given more than once"}]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Idempotency-Key", ""),
        ("Idempotency-Key", "a b"),
        ("Idempotency-Key", "x" * 201),
        ("If-Match", "x" * 201),
        ("Prefer", "x" * 201),
    ],
)
async def test_hostile_headers_are_refused(admin: httpx.AsyncClient, name: str, value: str) -> None:
    statuses = [
        (await admin.put("/api/migration/feature-flags/a", json={"enabled": True}, headers={name: value})).status_code,
        (await admin.post("/api/migration/validation/a", json={}, headers={name: value})).status_code,
    ]

    assert 422 in statuses
    assert 500 not in statuses


@pytest.mark.parametrize("path", ["emergency-stop/", "rollback/a/", "feature-flags/"])
async def test_a_slash_too_many_is_a_problem_and_no_redirect_that_nobody_follows(
    admin: httpx.AsyncClient, path: str
) -> None:
    answer = await admin.post(f"/api/migration/{path}")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_unknown_paths_and_methods_are_problems_too(admin: httpx.AsyncClient) -> None:
    unknown = await admin.get("/api/migration/nowhere")
    wrong = await admin.patch("/api/migration/feature-flags/a", json={})

    assert (unknown.status_code, wrong.status_code) == (404, 405)
    assert unknown.headers["content-type"] == wrong.headers["content-type"] == "application/problem+json"
    assert wrong.headers["allow"] == "GET, PUT"
    assert unknown.json()["type"] == "urn:crossfade:problem:not-found"
