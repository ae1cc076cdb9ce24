import json

import httpx
import pytest
from fastapi import FastAPI

from api.errors import TABLE, problem_of, register
from crossfade import errors
from crossfade.errors import CrossfadeError

SECRET = "what-was-sent"


def kinds(base: type[CrossfadeError] = CrossfadeError) -> list[type[CrossfadeError]]:
    return [kind for child in base.__subclasses__() for kind in (child, *kinds(child))]


def of_the_server(kind: type[CrossfadeError]) -> bool:
    return kind.__module__ == errors.__name__ and kind is not errors.InvalidArgument


@pytest.mark.parametrize("kind", [kind for kind in kinds() if of_the_server(kind)])
def test_every_error_of_the_domain_has_its_line_in_the_table(kind: type[CrossfadeError]) -> None:
    assert any(ancestor in TABLE for ancestor in kind.__mro__ if ancestor is not CrossfadeError)


@pytest.mark.parametrize("kind", [kind for kind in TABLE if kind is not errors.InvalidPlan])
def test_an_answer_never_repeats_the_detail_unless_the_server_drew_it(kind: type[CrossfadeError]) -> None:
    body = json.loads(bytes(problem_of(kind(SECRET)).response().body))

    named = {name for name, value in body.items() if value == SECRET}
    assert named == ({TABLE[kind].names} if TABLE[kind].names else set())
    assert body["status"] in range(400, 500)
    assert body["title"].endswith(".")
    assert body["detail"].endswith(".")


def test_a_plans_problems_are_listed_with_their_places() -> None:
    found = errors.InvalidPlan([errors.Problem("plan", 3, 7, "phases[0].name", "is not a name")])

    body = json.loads(bytes(problem_of(found).response().body))

    assert body["errors"] == [{"field": "phases[0].name", "message": "is not a name", "line": 3, "column": 7}]
    assert body["type"] == "urn:crossfade:problem:invalid-plan"


async def test_a_defect_is_a_problem_that_says_nothing_more() -> None:
    app = FastAPI()
    register(app)

    @app.get("/")
    async def defect() -> None:
        raise RuntimeError(SECRET)

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        answer = await client.get("/")

    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["type"] == "urn:crossfade:problem:internal-server-error"
    assert SECRET not in answer.text
