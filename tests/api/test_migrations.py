from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.settings import Settings
from crossfade.states import MigrationStatus
from store import migrations, outbox
from tests.api.conftest import ADMIN, NO_TEMPORAL, PLANS, calling, running

MIGRATIONS = "/api/migration/migrations"


@pytest.fixture
def plan(environment: str) -> str:
    """The demonstration's plan, for the environment of the test."""
    text = (PLANS / "demo.yaml").read_text()
    return text.replace("environment: production", f"environment: {environment}")


@pytest.fixture
async def started(admin: httpx.AsyncClient, plan: str) -> dict[str, Any]:
    answer = await admin.post(MIGRATIONS, json={"plan": plan})
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def waiting(engine: AsyncEngine, environment: str) -> int:
    async with engine.begin() as connection:
        return await outbox.waiting(connection, environment=environment)


async def test_a_posted_plan_is_a_migration_whose_start_waits_for_temporal(
    started: dict[str, Any], engine: AsyncEngine, environment: str
) -> None:
    assert {name: started[name] for name in ("name", "number", "environment", "status", "workflowId")} == {
        "name": "demo",
        "number": 1,
        "environment": environment,
        "status": "pending",
        "workflowId": f"migration/{environment}/demo",
    }
    assert any("first step" in warning or "1 %" in warning for warning in started["warnings"])
    assert isinstance(started["withoutEffect"], list)
    assert await waiting(engine, environment) == 1


async def test_a_shipped_plan_is_started_by_its_name(settings: Settings) -> None:
    async with running(replace(settings, environment="production")) as app, calling(app, ADMIN) as admin:
        answer = await admin.post(MIGRATIONS, json={"shipped": "demo"})
        stopped = await admin.post("/api/migration/emergency-stop", json={"migrationId": answer.json()["id"]})

    assert answer.status_code == 202
    assert answer.json()["name"] == "demo"
    assert answer.json()["id"] in stopped.json()["migrations"]


@pytest.mark.parametrize("name", ["nothing", "demo-2"])
async def test_a_plan_that_does_not_ship_is_404(admin: httpx.AsyncClient, name: str) -> None:
    answer = await admin.post(MIGRATIONS, json={"shipped": name})

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:crossfade:problem:unknown-plan"


@pytest.mark.parametrize("name", ["../pyproject", "/etc/passwd", "demo.yaml", "..", "", "DEMO", "a" * 65])
async def test_a_name_that_could_leave_the_folder_is_422(admin: httpx.AsyncClient, name: str) -> None:
    assert (await admin.post(MIGRATIONS, json={"shipped": name})).status_code == 422


@pytest.mark.parametrize("body", [{}, {"plan": "x", "shipped": "demo"}, {"plan": None}])
async def test_either_a_plan_or_a_shipped_one_is_wanted(admin: httpx.AsyncClient, body: object) -> None:
    assert (await admin.post(MIGRATIONS, json=body)).status_code == 422


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        ("percentage: 10,  hold", "percentage: 101, hold"),
        ("maxComponentsRamping: 3", "maxComponentsRamping: three"),
        ("dependsOn: [utilities]", "dependsOn: [websocket]"),
        ("apiVersion: crossfade/v1", "apiVersion: crossfade/v1\nunknownKey: 1"),
        ("name: search\n", "name: utilities\n"),
    ],
)
async def test_a_plan_with_a_mistake_is_refused_whole_with_line_and_field(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str, plan: str, broken: str, field: str
) -> None:
    answer = await admin.post(MIGRATIONS, json={"plan": plan.replace(broken, field)})

    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:crossfade:problem:invalid-plan"
    assert all(problem["line"] >= 1 and problem["message"] for problem in answer.json()["errors"])
    assert (await admin.get(MIGRATIONS)).json() == {"migrations": []}
    assert await waiting(engine, environment) == 0


@pytest.mark.parametrize("text", ["{", "- a", "x: &a [*a]", "!!python/object:os.system {}", "a: 1\na: 2", "17", "\x07"])
async def test_a_text_that_is_no_plan_is_422(admin: httpx.AsyncClient, text: str) -> None:
    answer = await admin.post(MIGRATIONS, json={"plan": text})

    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_a_plan_of_another_environment_is_refused(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(MIGRATIONS, json={"plan": (PLANS / "demo.yaml").read_text()})

    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:crossfade:problem:other-environment"


async def test_the_servers_own_variables_cannot_be_read_through_a_plan(settings: Settings, plan: str) -> None:
    environ = {**NO_TEMPORAL, "CROSSFADE_ADMIN_TOKEN": ADMIN, "DATABASE_URL": settings.database_url}
    stolen = plan.replace(f"\nenvironment: {settings.environment}", "\nenvironment: ${CROSSFADE_ADMIN_TOKEN}")
    async with running(replace(settings, environ=environ)) as app, calling(app, ADMIN) as admin:
        answer = await admin.post(MIGRATIONS, json={"plan": stolen})

    assert answer.status_code == 422
    assert "is not set" in answer.text
    assert ADMIN not in answer.text


async def test_a_live_name_is_409_and_says_which(admin: httpx.AsyncClient, started: dict[str, Any], plan: str) -> None:
    answer = await admin.post(MIGRATIONS, json={"plan": plan})

    assert answer.status_code == 409
    assert answer.json()["migrationId"] == started["id"]


async def test_a_migration_is_listed_and_read_with_its_parts(admin: httpx.AsyncClient, started: dict[str, Any]) -> None:
    listed = (await admin.get(MIGRATIONS)).json()["migrations"]
    read = (await admin.get(f"{MIGRATIONS}/{started['id']}")).json()

    assert [migration["id"] for migration in listed] == [started["id"]]
    assert [phase["name"] for phase in read["phases"]] == ["utilities", "search", "errors", "repository", "websocket"]
    assert {phase["status"] for phase in read["phases"]} == {"pending"}
    assert len(read["components"]) == 15


async def test_phases_and_components_are_those_of_the_live_migration_unless_one_is_named(
    admin: httpx.AsyncClient, started: dict[str, Any]
) -> None:
    phases = (await admin.get("/api/migration/phases")).json()
    named = (await admin.get("/api/migration/components", params={"migrationId": started["id"]})).json()
    unnamed = (await admin.get("/api/migration/components")).json()

    assert phases["migrationId"] == started["id"]
    assert [phase["dependsOn"] for phase in phases["phases"]][:2] == [[], ["utilities"]]
    assert named == unnamed


@pytest.mark.parametrize("path", ["phases", "components"])
async def test_without_any_migration_there_are_no_parts(admin: httpx.AsyncClient, path: str) -> None:
    assert (await admin.get(f"/api/migration/{path}")).status_code == 404


async def test_a_migration_of_another_environment_is_404(settings: Settings, started: dict[str, Any]) -> None:
    foreign = replace(settings, environment=f"other-{uuid4().hex[:8]}")
    mine = f"{MIGRATIONS}/{started['id']}"
    async with running(foreign) as other, calling(other, ADMIN) as admin:
        answers = [
            await admin.get(mine),
            await admin.post(f"{mine}/abort"),
            await admin.get("/api/migration/components", params={"migrationId": started["id"]}),
            await admin.post("/api/migration/emergency-stop", json={"migrationId": started["id"]}),
        ]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 404]


@pytest.mark.parametrize("order", ["pause", "resume", "abort"])
@pytest.mark.parametrize("body", [None, {"reason": "lunch"}])
async def test_orders_to_a_migration_wait_in_the_outbox_while_temporal_is_away(
    admin: httpx.AsyncClient, started: dict[str, Any], engine: AsyncEngine, environment: str, order: str, body: object
) -> None:
    answer = await admin.post(f"{MIGRATIONS}/{started['id']}/{order}", json=body)

    assert answer.status_code == 202
    assert await waiting(engine, environment) == 2


async def test_an_order_with_the_same_idempotency_key_is_one_order(
    admin: httpx.AsyncClient, started: dict[str, Any], engine: AsyncEngine, environment: str
) -> None:
    headers = {"Idempotency-Key": "4711"}

    answers = [await admin.post(f"{MIGRATIONS}/{started['id']}/pause", headers=headers) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {202}
    assert await waiting(engine, environment) == 2


async def test_an_ended_migration_takes_no_orders(
    admin: httpx.AsyncClient, started: dict[str, Any], engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        (migration,) = await migrations.list(connection, environment=started["environment"])
        await migrations.set_status(connection, migration_id=migration.id, status=MigrationStatus.ABORTED, actor="ann")

    answer = await admin.post(f"{MIGRATIONS}/{started['id']}/resume")

    assert answer.status_code == 409


async def test_an_unknown_migration_is_404(admin: httpx.AsyncClient) -> None:
    answers = [
        await admin.get(f"{MIGRATIONS}/{uuid4()}"),
        await admin.post(f"{MIGRATIONS}/{uuid4()}/pause"),
        await admin.get("/api/migration/phases", params={"migrationId": str(uuid4())}),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
