"""Hostile questions to OFREP, more than two hundred: each gets the answer that the protocol names, and none a 500."""

import json

import httpx
import pytest
from fastapi import FastAPI

from tests.api.test_hostile_bodies import MARK, NOT_JSON
from tests.api.test_ofrep import BULK, ONE, asking, publish

NO_CONTEXTS = [
    b"[]",
    b'"text"',
    b"17",
    b"true",
    b'{"context": null}',
    b'{"context": []}',
    b'{"context": "ada"}',
    b'{"context": 17}',
    b'{"context": {"targetingKey": 17}}',
    b'{"context": {"targetingKey": null}}',
    b'{"context": {"targetingKey": true}}',
    b'{"context": {"targetingKey": ["ada"]}}',
    b'{"context": {"targetingKey": {"id": "ada"}}}',
]
KEYS = [
    "SEARCH",
    "-search",
    "a" * 129,
    "a" * 4000,
    "%00",
    "%ff",
    "%ed%a0%80",
    "%20",
    "%27%20or%201=1--",
    "%3Cscript%3E",
    "a%2Fb",
    "%2e%2e",
    "%F0%9F%A6%84",
    "search-fuzzy%00",
    "search-fuzzy ",
    "null",
    "__proto__",
    "constructor",
]
ODD_HEADERS = [
    {"If-None-Match": value}
    for value in ("*", '"', 'W/""', '"a", "b"', "a" * 4000, '"\\"', ", , ,", "'x'", "W/", '""""""')
]


@pytest.mark.parametrize("body", NO_CONTEXTS, ids=lambda body: body.decode())
@pytest.mark.parametrize("path", [ONE, BULK])
async def test_what_is_no_context_is_said_to_be_none(sdk: httpx.AsyncClient, path: str, body: bytes) -> None:
    answer = await sdk.post(path, content=body)

    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "INVALID_CONTEXT"
    assert answer.json()["errorDetails"]
    assert answer.json().get("key") == ("search-fuzzy" if path == ONE else None)


@pytest.mark.parametrize("name", NOT_JSON)
@pytest.mark.parametrize("path", [ONE, BULK])
async def test_what_is_not_json_is_a_parse_error(sdk: httpx.AsyncClient, path: str, name: str) -> None:
    answer = await sdk.post(path, content=NOT_JSON[name], headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "PARSE_ERROR"
    assert MARK not in answer.text


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "x"])
async def test_another_type_than_json_is_a_parse_error(sdk: httpx.AsyncClient, kind: str) -> None:
    answer = await sdk.post(BULK, content=b"{}", headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()["errorCode"]) == (400, "PARSE_ERROR")


@pytest.mark.parametrize("key", KEYS)
async def test_an_odd_key_is_no_flag_and_is_repeated_only_if_it_could_be_one(sdk: httpx.AsyncClient, key: str) -> None:
    answer = await sdk.post(f"{BULK}/{key}", json=asking())

    assert answer.status_code == 404
    if "errorCode" in answer.json():
        assert answer.json()["errorCode"] == "FLAG_NOT_FOUND"
        assert answer.json()["key"] in {"", key}


@pytest.mark.parametrize("headers", ODD_HEADERS, ids=lambda headers: headers["If-None-Match"][:20])
async def test_an_odd_tag_matches_nothing(
    app: FastAPI, admin: httpx.AsyncClient, sdk: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    await publish(admin, app)

    answer = await sdk.post(BULK, json=asking(), headers=headers)

    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", [ONE, BULK])
async def test_another_method_is_405(sdk: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await sdk.request(method, path)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


CONTEXTS: dict[str, object] = {
    "a deep attribute": {"a": json.loads("[" * 28 + "]" * 28)},
    "a thousand attributes": {f"a{number}": number for number in range(1000)},
    "a long attribute": {"country": "D" * 100_000},
    "a long key": {"targetingKey": "k" * 70_000},
    "an empty key": {"targetingKey": ""},
    "an emoji": {"targetingKey": "\U0001f984"},
    "a right-to-left key": {"targetingKey": "\u202eada"},
    "markup": {"targetingKey": "<script>alert(1)</script>"},
    "SQL": {"targetingKey": "'; drop table feature_flags; --"},
    "groups that are text": {"userGroups": "beta"},
    "groups that are numbers": {"userGroups": [1, 2]},
    "groups that are objects": {"userGroups": [{"a": 1}]},
    "groups that are null": {"userGroups": None},
    "an age that is text": {"age": "old"},
    "an age that is null": {"age": None},
    "an age that is a list": {"age": [18]},
    "an age that is true": {"age": True},
    "a huge age": {"age": 2**63 - 1},
    "a version that is none": {"version": "1.x"},
    "a version of 10,000 characters": {"version": "1." * 5000},
    "a version that is a number": {"version": 1.2},
    "an age of minus zero": {"age": -0.0},
    "groups that are a number": {"userGroups": 5},
    "groups of groups": {"userGroups": [["beta"]]},
    "a thousand groups": {"userGroups": [f"group-{number}" for number in range(1000)]},
    "members of every object": {"__proto__": {"userGroups": ["beta"]}, "constructor": 1, "__class__": "x"},
}


@pytest.mark.parametrize("name", CONTEXTS)
async def test_a_hostile_context_gets_legacy_or_a_reason_and_never_candidate_by_accident(
    app: FastAPI, admin: httpx.AsyncClient, sdk: httpx.AsyncClient, name: str
) -> None:
    conditions = {
        "userGroups": ["beta"],
        "attributes": {
            "age": {"op": "gt", "values": [17]},
            "version": {"op": "semver_gte", "values": ["1.2.0"]},
        },
    }
    await publish(admin, app, rolloutPercentage=99.999, conditions=conditions)
    context = {"targetingKey": "ada", **CONTEXTS[name]}  # type: ignore[dict-item]  # each is an object

    one = await sdk.post(ONE, json={"context": context})
    every = await sdk.post(BULK, json={"context": context})

    assert one.status_code == 200
    assert one.json()["value"] is False
    assert every.json()["flags"] == [one.json()]


def test_the_corpus_is_as_large_as_it_says() -> None:
    twice = 2 * (len(NO_CONTEXTS) + len(NOT_JSON) + len(CONTEXTS) + 5)
    assert twice + len(KEYS) + len(ODD_HEADERS) + 4 >= 200
