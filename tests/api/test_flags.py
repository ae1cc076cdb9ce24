import asyncio

import httpx
import pytest

FLAGS = "/api/migration/feature-flags"
FLAG = f"{FLAGS}/utilities-concurrency-adapter"
USERS_BODY = {"enabled": True, "rolloutPercentage": 50}


async def test_the_users_body_makes_a_flag(admin: httpx.AsyncClient, environment: str) -> None:
    answer = await admin.put(FLAG, json=USERS_BODY)

    assert answer.status_code == 201
    assert answer.headers["etag"] == f'"{answer.json()["revision"]}"'
    names = ("name", "environment", "enabled", "rolloutPercentage", "servedPercentage", "isLive", "fallbackEnabled")
    assert {name: answer.json()[name] for name in names} == {
        "name": "utilities-concurrency-adapter",
        "environment": environment,
        "enabled": True,
        "rolloutPercentage": 50,
        "servedPercentage": 50,
        "isLive": False,
        "fallbackEnabled": True,
    }


async def test_the_users_whole_configuration_is_accepted_as_it_is(admin: httpx.AsyncClient) -> None:
    configuration = {
        "name": "utilities-concurrency-adapter",
        "enabled": True,
        "rolloutPercentage": 25,
        "conditions": {"environment": "production", "userGroups": ["beta-testers"]},
        "fallbackEnabled": True,
    }

    answer = await admin.put(FLAG, json=configuration)

    assert answer.status_code == 201
    assert {name: answer.json()[name] for name in configuration} == configuration


async def test_a_flag_that_exists_is_changed_and_keeps_what_is_left_out(admin: httpx.AsyncClient) -> None:
    whole = {**USERS_BODY, "conditions": {"userGroups": ["beta-testers"]}, "overrides": {"u-17": "candidate"}}
    await admin.put(FLAG, json=whole)

    answer = await admin.put(FLAG, json={"enabled": False})

    assert answer.status_code == 200
    assert answer.json()["servedPercentage"] == 0
    assert {name: answer.json()[name] for name in ("rolloutPercentage", "conditions", "overrides")} == {
        name: whole[name] for name in ("rolloutPercentage", "conditions", "overrides")
    }


async def test_flags_are_listed_and_read(admin: httpx.AsyncClient) -> None:
    made = await admin.put(FLAG, json=USERS_BODY)

    listed = await admin.get(FLAGS)
    read = await admin.get(FLAG)

    assert listed.json() == {"revision": made.json()["revision"], "flags": [made.json()]}
    assert read.json() == made.json()
    assert read.headers["etag"] == made.headers["etag"]


async def test_an_unknown_flag_is_a_problem_404(admin: httpx.AsyncClient) -> None:
    answer = await admin.get(f"{FLAGS}/nobody-has-made-me")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:crossfade:problem:unknown-flag"
    assert "nobody-has-made-me" not in answer.text


async def test_of_two_who_edit_with_the_same_etag_one_is_told_so(admin: httpx.AsyncClient) -> None:
    made = await admin.put(FLAG, json=USERS_BODY)
    condition = {"If-Match": made.headers["etag"]}

    answers = await asyncio.gather(
        *(admin.put(FLAG, json={**USERS_BODY, "rolloutPercentage": share}, headers=condition) for share in (10, 20))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412]


@pytest.mark.parametrize("condition", ["*", None])
async def test_without_a_revision_in_if_match_the_last_one_wins(
    admin: httpx.AsyncClient, condition: str | None
) -> None:
    await admin.put(FLAG, json=USERS_BODY)

    answer = await admin.put(FLAG, json=USERS_BODY, headers={"If-Match": condition} if condition else {})

    assert answer.status_code == 200


@pytest.mark.parametrize("condition", ['W/"1"', '"999999"', "1", '"x"', '"1", "2"'])
async def test_an_if_match_that_names_another_state_is_412(admin: httpx.AsyncClient, condition: str) -> None:
    await admin.put(FLAG, json=USERS_BODY)

    answer = await admin.put(FLAG, json=USERS_BODY, headers={"If-Match": condition})

    assert answer.status_code == 412


@pytest.mark.parametrize("condition", ["*", '"0"', '"1"'])
async def test_an_if_match_makes_no_flag(admin: httpx.AsyncClient, condition: str) -> None:
    answer = await admin.put(FLAG, json=USERS_BODY, headers={"If-Match": condition})

    assert answer.status_code == 412
    assert (await admin.get(FLAG)).status_code == 404


@pytest.mark.parametrize(("sent", "served"), [(0, 0), (100, 100), (12.5, 12.5), (0.001, 0.001), (99.999, 99.999)])
async def test_percentages_travel_exactly(admin: httpx.AsyncClient, sent: float, served: float) -> None:
    answer = await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": sent})

    assert answer.status_code == 201
    assert answer.json()["rolloutPercentage"] == served


@pytest.mark.parametrize("sent", [-1, 100.001, 101, 0.0001, 1e308, "50", True, [50], {"x": 1}])
async def test_what_is_no_percentage_is_refused_and_nothing_is_made(admin: httpx.AsyncClient, sent: object) -> None:
    answer = await admin.put(FLAG, json={"enabled": True, "rolloutPercentage": sent})

    assert answer.status_code == 422
    assert (await admin.get(FLAG)).status_code == 404


async def test_another_name_in_the_body_is_refused(admin: httpx.AsyncClient) -> None:
    answer = await admin.put(FLAG, json={**USERS_BODY, "name": "search-fuzzy"})

    assert answer.status_code == 422


async def test_hostile_text_is_stored_and_shown_literally(admin: httpx.AsyncClient) -> None:
    hostile = "'; drop table feature_flags; -- <script>alert(1)</script> %s {0} \\"
    body = {**USERS_BODY, "conditions": {"userGroups": [hostile]}, "overrides": {hostile: "legacy"}, "reason": hostile}

    await admin.put(FLAG, json=body)

    flag = (await admin.get(FLAG)).json()
    assert flag["conditions"]["userGroups"] == [hostile]
    assert flag["overrides"] == {hostile: "legacy"}


async def test_curls_default_content_type_is_accepted(admin: httpx.AsyncClient) -> None:
    answer = await admin.put(
        FLAG,
        content=b'{"enabled": true, "rolloutPercentage": 50}',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status_code == 201


async def test_an_absent_content_type_is_accepted(admin: httpx.AsyncClient) -> None:
    answer = await admin.put(FLAG, content=b'{"enabled": true, "rolloutPercentage": 50}')

    assert answer.status_code == 201


@pytest.mark.parametrize("kind", ["text/xml", "multipart/form-data; boundary=x", "text/plain", "application/yaml"])
async def test_another_content_type_is_415(admin: httpx.AsyncClient, kind: str) -> None:
    answer = await admin.put(FLAG, content=b'{"enabled": true}', headers={"Content-Type": kind})

    assert answer.status_code == 415
