import time
from typing import Any

import httpx
import pytest

from store.identifiers import uuid7

METRICS = "/api/migration/metrics"
FLAG = "/api/migration/feature-flags/search-fuzzy"


@pytest.fixture
async def revision(admin: httpx.AsyncClient) -> int:
    made = await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": 50})
    return int(made.json()["revision"])


def point(**values: object) -> dict[str, object]:
    return {"component": "search-fuzzy", "variant": "candidate", "metric": "responseTime", "value": 12.5, **values}


def summary(revision: int, **values: object) -> dict[str, object]:
    bucket = int(time.time()) // 10 * 10
    return {
        "component": "search-fuzzy",
        "variant": "candidate",
        "revision": revision,
        "metric": "requests",
        "bucket": bucket,
        "count": 3,
        **values,
    }


def batch(**values: object) -> dict[str, Any]:
    return {"batchId": str(uuid7()), "client": "curl", "sentAt": time.time(), **values}


async def test_points_and_summaries_are_counted(sdk: httpx.AsyncClient, revision: int) -> None:
    body = batch(points=[point()], summaries=[summary(revision)])

    answer = await sdk.post(METRICS, json=body)

    assert answer.status_code == 200
    assert answer.json() == {"batchId": body["batchId"], "accepted": 2, "dropped": [], "duplicate": False}


async def test_the_same_batch_again_is_a_duplicate_with_the_first_answer(sdk: httpx.AsyncClient, revision: int) -> None:
    body = batch(summaries=[summary(revision), summary(999_999)])
    first = await sdk.post(METRICS, json=body, headers={"Crossfade-Sent-At": str(time.time())})

    again = await sdk.post(METRICS, json=body, headers={"Crossfade-Sent-At": str(time.time() + 1)})

    assert first.json()["dropped"] == [{"index": 1, "reason": "unknown revision"}]
    assert again.json() == {**first.json(), "duplicate": True}


async def test_the_same_id_with_other_content_is_422(sdk: httpx.AsyncClient, revision: int) -> None:
    body = batch(summaries=[summary(revision)])
    await sdk.post(METRICS, json=body)

    answer = await sdk.post(METRICS, json={**body, "summaries": [summary(revision, count=4)]})

    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:crossfade:problem:batch-conflict"


async def test_rows_outside_the_time_limits_are_dropped_and_listed(sdk: httpx.AsyncClient, revision: int) -> None:
    late = int(time.time()) // 10 * 10 - 3600

    answer = await sdk.post(METRICS, json=batch(summaries=[summary(revision, bucket=late), summary(revision)]))

    assert answer.json()["accepted"] == 1
    assert [drop["index"] for drop in answer.json()["dropped"]] == [0]


@pytest.mark.parametrize("value", [None, "12", True, [1], {"x": 1}, -1e308, 1e308], ids=repr)
async def test_a_value_that_is_no_measurement_refuses_the_whole_batch(
    sdk: httpx.AsyncClient, revision: int, value: object
) -> None:
    answer = await sdk.post(METRICS, json=batch(points=[point(), point(value=value)], summaries=[summary(revision)]))

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "broken",
    [
        {"batchId": "x"},
        {"batchId": "018f0000-0000-4000-8000-000000000000"},
        {"batchId": 1},
        {"client": 1},
        {"sentAt": "now"},
        {"sentAt": None},
        {"summaries": {}},
        {"summaries": [1]},
        {"points": None},
        {"more": 1},
    ],
    ids=repr,
)
async def test_a_malformed_batch_is_422_and_says_where(sdk: httpx.AsyncClient, broken: dict[str, object]) -> None:
    answer = await sdk.post(METRICS, json=batch(**broken))

    assert answer.status_code == 422


@pytest.mark.parametrize(
    "broken",
    [
        {"count": -1},
        {"count": 1.5},
        {"count": 2**62},
        {"variant": "control"},
        {"bucket": 3},
        {"revision": -1},
        {"revision": None},
        {"component": ""},
        {"component": "x" * 600},
        {"m2": -1},
        {"histogram": [[1, 2, 3]]},
        {"metric": "responseTime", "histogram": [[99999, 3]]},
        {"details": {"field": "x"}},
        {"instance": 1},
        {"unknownMember": 1},
    ],
    ids=repr,
)
async def test_a_malformed_summary_refuses_the_batch(
    sdk: httpx.AsyncClient, revision: int, broken: dict[str, object]
) -> None:
    rows = [summary(revision), {**summary(revision), **broken}]

    answer = await sdk.post(METRICS, json=batch(summaries=rows))

    assert answer.status_code == 422
    assert "control" not in answer.text
    assert "unknownMember" not in answer.text


async def test_more_errors_than_requests_are_refused(sdk: httpx.AsyncClient, revision: int) -> None:
    rows = [summary(revision, count=3), summary(revision, metric="errors", count=4)]

    assert (await sdk.post(METRICS, json=batch(summaries=rows))).status_code == 422


async def test_the_problem_names_the_place_but_not_the_value(sdk: httpx.AsyncClient, revision: int) -> None:
    answer = await sdk.post(METRICS, json=batch(summaries=[summary(revision, variant="<script>")]))

    assert answer.json()["errors"] == [{"field": "$.summaries[0].variant", "message": "is missing or of another type"}]


@pytest.mark.parametrize("sent_at", ["nan", "inf", "yesterday", "", "1e999"])
async def test_a_sending_time_that_is_no_time_is_422(sdk: httpx.AsyncClient, sent_at: str) -> None:
    answer = await sdk.post(METRICS, json=batch(points=[point()]), headers={"Crossfade-Sent-At": sent_at})

    assert answer.status_code == 422


async def test_an_empty_batch_is_accepted(sdk: httpx.AsyncClient) -> None:
    assert (await sdk.post(METRICS, json=batch())).json()["accepted"] == 0


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b'"x"', b"1"])
async def test_what_is_no_batch_at_all_is_refused(sdk: httpx.AsyncClient, raw: bytes) -> None:
    answer = await sdk.post(METRICS, content=raw)

    assert answer.status_code == 422
