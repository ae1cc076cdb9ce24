"""OFREP as its providers ask it: documents, codes, tags, streams."""

import json
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from api.services import Services
from api.settings import Settings
from api.tickets import SLOT_SECONDS, SLOTS, is_good, issue
from crossfade.bucketing import serves_candidate
from crossfade.ofrep import etag
from store import tokens
from store.tokens import digest
from tests.api.conftest import ADMIN, SDK, calling, running
from tests.api.test_sdk_stream import told
from tests.dashboards import PATIENCE

BULK = "/ofrep/v1/evaluate/flags"
ONE = f"{BULK}/search-fuzzy"
SINGLE_MEMBERS = {"key", "value", "variant", "reason", "metadata"}


async def publish(admin: httpx.AsyncClient, app: FastAPI, name: str = "search-fuzzy", **members: Any) -> None:
    """Set a flag and let this replica read it."""
    body = {"enabled": True, "rolloutPercentage": 25, **members}
    made = await admin.put(f"/api/migration/feature-flags/{name}", json=body)
    assert made.status_code in {200, 201}
    services: Services = app.state.services
    await services.replica.refresh()


def asking(key: str = "ada", **attributes: object) -> dict[str, Any]:
    return {"context": {"targetingKey": key, **attributes}}


async def test_a_split_is_that_of_every_other_evaluator(
    app: FastAPI, admin: httpx.AsyncClient, sdk: httpx.AsyncClient
) -> None:
    await publish(admin, app)
    keys = [f"user-{number}" for number in range(200)]

    answers = [(await sdk.post(ONE, json=asking(key))).json() for key in keys]

    assert [answer["value"] for answer in answers] == [serves_candidate("search-fuzzy", key, 25) for key in keys]
    assert {answer["reason"] for answer in answers} == {"SPLIT"}
    assert {(answer["value"], answer["variant"]) for answer in answers} == {(True, "candidate"), (False, "legacy")}
    assert {answer["metadata"].get("cohort") for answer in answers} == {"candidate", "control", None}
    assert all(set(answer) == SINGLE_MEMBERS for answer in answers)


@pytest.mark.parametrize(
    ("members", "context", "value", "reason"),
    [
        ({"rolloutPercentage": 100}, {}, True, "STATIC"),
        ({"rolloutPercentage": 0}, {}, False, "DISABLED"),
        ({"enabled": False}, {}, False, "DISABLED"),
        ({"overrides": {"ada": "candidate"}}, {"targetingKey": "ada"}, True, "TARGETING_MATCH"),
        ({"conditions": {"userGroups": ["beta"]}}, {"targetingKey": "ada"}, False, "TARGETING_MATCH"),
        (
            {"conditions": {"attributes": {"age": {"op": "gt", "values": [17]}}}},
            {"targetingKey": "ada", "age": "old"},
            False,
            "UNKNOWN",
        ),
    ],
)
async def test_the_reason_is_one_of_ofreps(
    app: FastAPI,
    admin: httpx.AsyncClient,
    sdk: httpx.AsyncClient,
    members: dict[str, Any],
    context: dict[str, object],
    value: bool,
    reason: str,
) -> None:
    await publish(admin, app, **members)

    answer = await sdk.post(ONE, json={"context": context})

    assert answer.status_code == 200
    assert (answer.json()["value"], answer.json()["reason"]) == (value, reason)
    assert set(answer.json()) == SINGLE_MEMBERS


async def test_what_crossfade_alone_knows_is_among_the_metadata(
    app: FastAPI, admin: httpx.AsyncClient, sdk: httpx.AsyncClient
) -> None:
    await publish(admin, app, conditions={"attributes": {"age": {"op": "gt", "values": [17]}}})

    metadata = (await sdk.post(ONE, json=asking(age="old"))).json()["metadata"]

    assert metadata["reason"] == "TYPE_MISMATCH"
    assert all(isinstance(value, bool | str | int | float) for value in metadata.values())


async def test_an_unknown_flag_is_404_with_its_code(sdk: httpx.AsyncClient) -> None:
    answer = await sdk.post(f"{BULK}/nowhere", json=asking())

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "key": "nowhere",
        "errorCode": "FLAG_NOT_FOUND",
        "errorDetails": "There is no such flag.",
    }


async def test_a_flag_that_is_split_needs_a_targeting_key_and_others_do_not(
    app: FastAPI, admin: httpx.AsyncClient, sdk: httpx.AsyncClient
) -> None:
    await publish(admin, app)
    await publish(admin, app, "done", rolloutPercentage=100)

    one = await sdk.post(ONE, json={"context": {}})
    other = await sdk.post(f"{BULK}/done")
    every = await sdk.post(BULK, json={"context": {}})

    assert (one.status_code, one.json()["errorCode"], one.json()["key"]) == (
        400,
        "TARGETING_KEY_MISSING",
        "search-fuzzy",
    )
    assert (other.status_code, other.json()["value"]) == (200, True)
    assert every.status_code == 200
    assert {flag["key"]: flag.get("errorCode") for flag in every.json()["flags"]} == {
        "done": None,
        "search-fuzzy": "TARGETING_KEY_MISSING",
    }


async def test_the_tag_of_all_flags_covers_the_context(
    app: FastAPI, admin: httpx.AsyncClient, sdk: httpx.AsyncClient
) -> None:
    await publish(admin, app)
    first = await sdk.post(BULK, json=asking("ada"))
    tag = first.headers["etag"]

    same = await sdk.post(BULK, json=asking("ada"), headers={"If-None-Match": f'"other", W/{tag}'})
    other = await sdk.post(BULK, json=asking("ada", country="DE"), headers={"If-None-Match": tag})
    await publish(admin, app, rolloutPercentage=50)
    changed = await sdk.post(BULK, json=asking("ada"), headers={"If-None-Match": tag})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (other.status_code, changed.status_code) == (200, 200)
    assert len({tag, other.headers["etag"], changed.headers["etag"]}) == 3


async def test_the_tag_does_not_depend_on_the_order_of_members(
    app: FastAPI, admin: httpx.AsyncClient, sdk: httpx.AsyncClient
) -> None:
    await publish(admin, app)
    tags = [
        (await sdk.post(BULK, content=body)).headers["etag"]
        for body in (
            '{"context":{"targetingKey":"a","x":{"b":1,"c":2}}}',
            '{"context": {"x":{"c":2,"b":1},"targetingKey":"a"}}',
        )
    ]

    assert tags[0] == tags[1]


async def test_the_token_may_be_an_api_key(app: FastAPI, admin: httpx.AsyncClient, nobody: httpx.AsyncClient) -> None:
    await publish(admin, app)

    known = await nobody.post(ONE, json=asking(), headers={"X-API-Key": SDK})
    unknown = await nobody.post(ONE, json=asking(), headers={"X-API-Key": SDK[:-1] + "x"})
    elsewhere = await nobody.get("/api/migration/sdk/flags", headers={"X-API-Key": SDK})

    assert (known.status_code, unknown.status_code, elsewhere.status_code) == (200, 401, 401)
    assert unknown.json()["errorCode"] == "GENERAL"


async def test_a_token_of_another_environment_is_told_nothing(
    app: FastAPI, admin: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await publish(admin, app)
    foreign = "cf_sdk_foreignsdk_" + "d" * 43
    async with engine.begin() as connection:
        await tokens.ensure(connection, foreign, role="sdk", environment="elsewhere")

    async with calling(app, foreign) as client:
        answers = [await client.post(path, json=asking()) for path in (ONE, BULK)]

    assert {answer.status_code for answer in answers} == {403}


async def test_a_web_page_of_any_origin_may_ask_and_only_ofrep(
    app: FastAPI, admin: httpx.AsyncClient, sdk: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    await publish(admin, app)
    origin = {"Origin": "https://shop.example"}
    asked = {
        **origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,if-none-match",
    }

    before = await nobody.options(BULK, headers=asked)
    answer = await sdk.post(BULK, json=asking(), headers=origin)
    refused = await nobody.post(BULK, json=asking(), headers=origin)
    elsewhere = await admin.get("/api/migration/feature-flags", headers=origin)

    assert before.status_code == 200
    allowed = {name.strip().lower() for name in before.headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type", "if-none-match", "x-api-key"} <= allowed
    assert answer.headers["access-control-allow-origin"] == "*"
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed == {"etag", "retry-after"}
    assert "access-control-allow-credentials" not in answer.headers
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in elsewhere.headers


def stream_of(answer: httpx.Response) -> str:
    (stream,) = answer.json()["eventStreams"]
    assert (stream["type"], stream["inactivityDelaySec"]) == ("sse", 120)
    return str(stream["url"])


async def test_a_provider_is_told_to_ask_again_at_once_and_after_each_change(
    app: FastAPI, admin: httpx.AsyncClient, address: str
) -> None:
    await publish(admin, app)
    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as browser:
        every = await browser.post(BULK, json=asking(), headers={"X-API-Key": SDK})
        url = stream_of(every)
        again = await browser.post(BULK, json=asking("eve"), headers={"X-API-Key": SDK})
        async with browser.stream("GET", url) as answer:
            events = told(answer)
            first = await anext(events)
            await publish(admin, app, rolloutPercentage=50)
            second = await anext(events)

    revision = int(first.id or 0)
    assert url.startswith(f"{address}/ofrep/v1/events?ticket=")
    assert SDK.rpartition("_")[2] not in url
    assert stream_of(again) == url
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (first.type, second.type) == ("message", "message")
    assert json.loads(first.data)["type"] == json.loads(second.data)["type"] == "refetchEvaluation"
    assert json.loads(second.data)["etag"] == f'"{second.id}"'
    assert int(second.id or 0) > revision


async def test_a_ticket_opens_nothing_else_and_nothing_else_is_a_ticket(
    app: FastAPI, admin: httpx.AsyncClient, sdk: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    await publish(admin, app)
    ticket = stream_of(await sdk.post(BULK, json=asking())).rpartition("=")[2]
    selector, slot, mac = ticket.split(".")
    wrong = [
        "",
        SDK,
        f"{selector}.{slot}.{mac[:-1]}{'0' if mac[-1] != '0' else '1'}",
        f"{selector}.{int(slot) + 1}.{mac}",
        f"testadmin.{slot}.{mac}",
        f"{selector}.{slot}",
        "%00",
        "a" * 5000,
        issue(SDK, time.time() - SLOT_SECONDS * SLOTS),
        issue(SDK, time.time() + SLOT_SECONDS),
    ]

    answers = [await nobody.get("/ofrep/v1/events", params={"ticket": each}) for each in wrong]
    elsewhere = await nobody.post(ONE, json=asking(), headers={"Authorization": f"Bearer {ticket}"})

    assert {answer.status_code for answer in answers} == {401}
    assert elsewhere.status_code == 401


def test_a_ticket_is_good_for_its_slot_and_the_next() -> None:
    ticket = issue(SDK, 1_000_000.0)
    ends = (1_000_000 // SLOT_SECONDS + SLOTS) * SLOT_SECONDS

    assert is_good(ticket, digest(SDK), ends - 1)
    assert not is_good(ticket, digest(SDK), ends)
    assert not is_good(ticket, digest(SDK + "x"), 1_000_000.0)


async def test_the_tag_changes_with_the_ticket_so_that_a_late_provider_gets_a_new_one(
    app: FastAPI, admin: httpx.AsyncClient, sdk: httpx.AsyncClient, environment: str
) -> None:
    await publish(admin, app)
    answer = await sdk.post(BULK, json=asking())
    services: Services = app.state.services
    facts = (environment, services.evaluator.revision(), asking()["context"])

    of_this = etag(*facts, is_fresh=True, stream=stream_of(answer))
    of_the_next = etag(*facts, is_fresh=True, stream=stream_of(answer).replace(".", "9.", 1))

    assert answer.headers["etag"] == of_this != of_the_next


async def test_behind_a_proxy_the_stream_has_the_public_address(settings: Settings) -> None:
    public = replace(settings, public_url="https://crossfade.example/flags/")
    async with running(public) as app, calling(app, SDK) as client, calling(app, ADMIN) as operator:
        await publish(operator, app)
        url = stream_of(await client.post(BULK, json=asking()))

    assert url.startswith("https://crossfade.example/flags/ofrep/v1/events?ticket=")
